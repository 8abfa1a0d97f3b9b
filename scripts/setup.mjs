// Brings a checkout to where its commands can run: installs what the lockfile names, then builds.
// Needs nothing but Node and npm. Says what it does on stderr; stdout belongs to the command that follows.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const readJson = (...path) => JSON.parse(readFileSync(join(root, ...path), 'utf8'));

/** Runs a command out of sight of stdout. Says so where it takes a second, and shows what it printed only if it fails. */
async function run(title, command, args) {
  const child = spawn(command, args, {
    cwd: root,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    // An outer `npm run --silent` or `npm test --dry-run` is not meant for the npm that this starts.
    env: { ...process.env, npm_config_loglevel: 'error', npm_config_dry_run: 'false' },
  });
  const timer = setTimeout(() => process.stderr.write(`odegrad: ${title}\n`), 1000);
  const [out, err, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  clearTimeout(timer);
  if (status === 0) return;
  process.stderr.write(`${out}${err}odegrad: failed: ${[command, ...args].join(' ')}\n`);
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

/**
 * Builds what is out of date. TypeScript's build mode finds out in a third of a second that nothing is, and builds all in a third of
 * the time of nx, which starts it for each package and takes one and a half seconds to say that there is nothing to do.
 */
async function build() {
  const packages = readdirSync(join(root, 'packages'))
    .map((name) => join('packages', name))
    .filter((folder) => existsSync(join(root, folder, 'tsconfig.json')));
  await run('building', 'node', [join('node_modules', 'typescript', 'bin', 'tsc'), '-b', ...packages]);
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  process.stderr.write(`odegrad needs Node 20 or newer; this is ${process.version}.\n`);
  process.exit(1);
}

if (!isInstalled()) await run('installing dependencies', 'npm', ['ci', '--no-progress']);
if (!process.argv.includes('--install-only')) await build();
