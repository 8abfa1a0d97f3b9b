// Installs the packed packages in an empty project, beside a small plugin that somebody else might have written
// (examples/third-party), typechecks it against the published types, and runs it.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const project = mkdtempSync(join(tmpdir(), 'odegrad-third-party-'));
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const packages = ['core', 'engine-tfjs', 'grad-symplectic'];

function run(command, args, cwd) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    env: { ...process.env, npm_config_loglevel: 'error', npm_config_dry_run: 'false' },
  });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

try {
  const lines = readFileSync(join(root, 'examples/third-party/plugin.ts'), 'utf8')
    .trimEnd()
    .split('\n').length;
  if (lines > 40)
    throw new Error(`examples/third-party/plugin.ts has ${lines} lines; 40 are promised to be enough.`);
  for (const name of packages) {
    run('npm', ['pack', '--ignore-scripts', '--pack-destination', project], join(root, 'packages', name));
  }
  const tarballs = readdirSync(project).filter((name) => name.endsWith('.tgz'));
  const manifest = { name: 'empty', private: true, type: 'module' };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  const exact = ['@tensorflow/tfjs', 'typescript'].map((name) => `${name}@${devDependencies[name]}`);
  const npm = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  run('npm', [...npm, ...tarballs.map((name) => `./${name}`), ...exact], project);
  cpSync(join(root, 'examples/third-party'), project, { recursive: true });
  const options = {
    compilerOptions: {
      strict: true,
      noUncheckedIndexedAccess: true,
      target: 'ES2022',
      module: 'NodeNext',
      lib: ['ES2022', 'DOM'],
      types: [],
      skipLibCheck: true,
      rewriteRelativeImportExtensions: true,
      outDir: 'out',
    },
    files: ['main.ts'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(options));
  run(process.execPath, [join(project, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], project);
  process.stdout.write(run(process.execPath, ['out/main.js'], project));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}
