// Brings a checkout to where its commands can run: installs what the lockfile names, then builds.
// Needs nothing but Node and npm. Says what it does on stderr; stdout belongs to the command that follows.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, '.nx', 'built');
const readJson = (...path) => JSON.parse(readFileSync(join(root, ...path), 'utf8'));

/** Runs a command out of sight of stdout, and shows what it printed only if it fails. */
function run(title, command, args) {
  process.stderr.write(`odegrad: ${title}\n`);
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    // An outer `npm run --silent` or `npm test --dry-run` is not meant for the npm that this starts.
    env: { ...process.env, npm_config_loglevel: 'error', npm_config_dry_run: 'false' },
  });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n`);
  process.stderr.write(`odegrad: failed: ${[command, ...args].join(' ')}\n`);
  process.exit(1);
}

/**
 * Whether node_modules holds what the lockfile names, by npm's own record of what it installed.
 * Contents, not times: a checkout touches the lockfile without changing it.
 */
function isInstalled() {
  if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) return false;
  const wanted = Object.entries(readJson('package-lock.json').packages);
  const found = readJson('node_modules', '.package-lock.json').packages;
  return wanted.every(([path, entry]) => {
    if (!path.includes('node_modules/') || entry.optional) return true;
    if (entry.link) return existsSync(join(root, path));
    return found[path]?.version === entry.version;
  });
}

function* filesUnder(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

/** A digest of all that the build reads. Asking nx costs a second before every command. */
function digest(packages) {
  const files = ['package-lock.json', 'nx.json', 'tsconfig.base.json'].map((name) => join(root, name));
  for (const folder of packages) {
    files.push(
      join(folder, 'package.json'),
      join(folder, 'tsconfig.json'),
      ...filesUnder(join(folder, 'src')),
    );
  }
  const hash = createHash('sha256').update(process.version);
  for (const file of files.sort()) {
    const { mtimeMs, size } = statSync(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function build() {
  const packages = readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((folder) => existsSync(join(folder, 'package.json')));
  const now = digest(packages);
  const isBuilt = packages.every((folder) => existsSync(join(folder, 'dist', 'index.js')));
  if (isBuilt && existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  run('building', join(root, 'node_modules', '.bin', 'nx'), ['run-many', '-t', 'build']);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  process.stderr.write(`odegrad needs Node 20 or newer; this is ${process.version}.\n`);
  process.exit(1);
}

if (!isInstalled()) run('installing dependencies', 'npm', ['ci', '--no-progress']);
if (!process.argv.includes('--install-only')) build();
