// `npm test`: every check that a change must pass, up to the first that fails.
// `npm test -- lint vitest` runs those alone; `npm test -- --keep-going` runs on past a failure.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scratch = mkdtempSync(join(tmpdir(), 'odegrad-test-'));
const results = join(scratch, 'vitest.json');

/**
 * Name, what it checks, and the command. Those of one group need none of the others, and most of them one core: they run two at a time, the
 * longest first. What another group needs, and what fills two cores by itself, is a group of its own. `setup.mjs` has installed before
 * this runs.
 */
const groups = [
  [
    ['lockfile', 'package-lock.json fits every package.json', process.execPath, 'scripts/check-lockfile.mjs'],
    ['manifests', 'every package says where it comes from', process.execPath, 'scripts/check-manifests.mjs'],
  ],
  [['build', 'every package builds', process.execPath, 'scripts/setup.mjs']],
  [
    ['lint', 'eslint', 'eslint', '.', '--max-warnings', '0'],
    ['format', 'prettier', 'prettier', '--check', '--log-level', 'warn', '.'],
    ['typecheck', 'sources and tests typecheck together', 'tsc', '-p', 'tsconfig.json'],
    ['boundaries', 'who may import whom, and no cycles', 'depcruise', 'packages', '--output-type', 'err'],
    ['unused', 'no unused file, export or dependency', 'knip', '--no-progress'],
    [
      'browser',
      'bundles of the packed packages train in Chromium, in a page and in a worker',
      process.execPath,
      'scripts/check-browser.mjs',
    ],
    ['packages', 'publint and attw on each packed package', 'npm', 'run', '--silent', 'check'],
    ['site', 'the documentation site builds, without a dead link', process.execPath, 'scripts/docs.mjs'],
    [
      'third-party',
      'a plugin from outside, on packed packages in an empty project',
      process.execPath,
      'scripts/check-third-party.mjs',
    ],
    ['api', 'packages export what their reports say', process.execPath, 'scripts/check-api.mjs'],
    ['size', 'packages are as small as promised', 'size-limit'],
  ],
  [
    [
      'vitest',
      'the tests',
      'vitest',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${results}`,
    ],
  ],
  [
    [
      'docs',
      'programs of the documentation compile and run, its links lead somewhere',
      process.execPath,
      'scripts/check-docs.mjs',
    ],
  ],
];

const args = process.argv.slice(2);
const keepGoing = args.includes('--keep-going');
const names = args.filter((arg) => !arg.startsWith('--'));
const known = groups.flat().map(([name]) => name);
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`No check "${unknown.join('", "')}". There are: ${known.join(', ')}.`);
  process.exit(2);
}

const summary = [];
let failed = false;
for (const group of groups) {
  const chosen = group.filter(([name]) => names.length === 0 || names.includes(name));
  const lines = [];
  const waiting = [...chosen.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [at, check] = next;
      lines[at] = await run(check, chosen.length > 1);
    }
  };
  await Promise.all([work(), work()]);
  summary.push(...lines);
}

console.log(`\n${summary.join('\n')}\n`);
try {
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(results, 'utf8'));
  console.log(`tests: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
} catch {
  // vitest was not asked for, or did not get as far as writing its results: the summary has said so.
}
rmSync(scratch, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;

/** Runs a check, unless one has failed, and gives its line of the summary. What one beside others prints is shown when it has ended. */
async function run([name, what, command, ...rest], beside) {
  if (failed && !keepGoing) return `  –  ${name.padEnd(12)} not run`;
  const title = `\n── ${name}: ${what}`;
  if (!beside) console.log(title);
  const start = performance.now();
  const child = spawn(command, rest, {
    cwd: root,
    stdio: beside ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
    },
  });
  const ended = new Promise((resolve) => {
    child.on('close', resolve);
    child.on('error', ({ message }) => {
      console.error(message);
      resolve(1);
    });
  });
  if (beside) {
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    process.stdout.write(`${title}\n${out}${err}`);
  }
  const status = await ended;
  if (status !== 0) failed = true;
  const seconds = `${((performance.now() - start) / 1000).toFixed(1)} s`;
  return `  ${status === 0 ? '✓' : '✗'}  ${name.padEnd(12)} ${what} (${seconds})`;
}
