// An empty project with the packed packages in it, as somebody has it who installs them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a command to its end, and gives what it printed. Throws it where the command fails. */
export function run(command, args, cwd) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    env: { ...process.env, npm_config_loglevel: 'error', npm_config_dry_run: 'false' },
  });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** Packs the named packages of this repository into a folder, and gives the names of the files by those of the packages. */
export function pack(packages, folder) {
  const chosen = packages.flatMap((name) => ['--workspace', `packages/${name}`]);
  const out = run(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...chosen],
    root,
  );
  return Object.fromEntries(JSON.parse(out).map(({ name, filename }) => [name, filename]));
}

/**
 * Calls `use` with the folder of a project that has the named packages of this repository, packed, and others at the versions
 * that the repository has them. The folder is removed in the end; an error is told, and the process will exit with 1.
 */
export async function inPackedProject(packages, others, use) {
  const project = mkdtempSync(join(tmpdir(), 'odegrad-packed-'));
  try {
    const tarballs = Object.values(pack(packages, project));
    const manifest = { name: 'empty', private: true, type: 'module' };
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const exact = others.map((name) => `${name}@${devDependencies[name]}`);
    const npm = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    run('npm', [...npm, ...tarballs.map((name) => `./${name}`), ...exact], project);
    await use(project);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}
