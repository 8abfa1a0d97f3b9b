// `npm test`: every check that a change must pass, in order, up to the first that fails.
// `npm test -- lint vitest` runs those alone; `npm test -- --keep-going` runs on past a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scratch = mkdtempSync(join(tmpdir(), 'odegrad-test-'));
const results = join(scratch, 'vitest.json');

/** Name, what it checks, and the command. `setup.mjs` has installed before this runs. */
const checks = [
  ['lockfile', 'package-lock.json fits every package.json', process.execPath, 'scripts/check-lockfile.mjs'],
  ['manifests', 'every package says where it comes from', process.execPath, 'scripts/check-manifests.mjs'],
  ['build', 'every package builds', process.execPath, 'scripts/setup.mjs'],
  ['typecheck', 'sources and tests typecheck together', 'tsc', '-p', 'tsconfig.json'],
  ['lint', 'eslint', 'eslint', '.', '--max-warnings', '0'],
  ['format', 'prettier', 'prettier', '--check', '--log-level', 'warn', '.'],
  ['boundaries', 'who may import whom, and no cycles', 'depcruise', 'packages', '--output-type', 'err'],
  ['unused', 'no unused file, export or dependency', 'knip', '--no-progress'],
  [
    'vitest',
    'the tests',
    'vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${results}`,
  ],
  [
    'docs',
    'programs of the documentation compile and run, its links lead somewhere',
    process.execPath,
    'scripts/check-docs.mjs',
  ],
  ['site', 'the documentation site builds, without a dead link', process.execPath, 'scripts/docs.mjs'],
  ['api', 'packages export what their reports say', process.execPath, 'scripts/check-api.mjs'],
  ['size', 'packages are as small as promised', 'size-limit'],
  ['packages', 'publint and attw on each packed package', 'npm', 'run', '--silent', 'check'],
  [
    'third-party',
    'a plugin from outside, on packed packages in an empty project',
    process.execPath,
    'scripts/check-third-party.mjs',
  ],
  [
    'browser',
    'bundles of the packed packages train in Chromium, in a page and in a worker',
    process.execPath,
    'scripts/check-browser.mjs',
  ],
];

const args = process.argv.slice(2);
const keepGoing = args.includes('--keep-going');
const names = args.filter((arg) => !arg.startsWith('--'));
const unknown = names.filter((name) => !checks.some(([known]) => known === name));
if (unknown.length > 0) {
  console.error(`No check "${unknown.join('", "')}". There are: ${checks.map(([name]) => name).join(', ')}.`);
  process.exit(2);
}

const summary = [];
let failed = false;
for (const [name, what, command, ...rest] of checks) {
  if (names.length > 0 && !names.includes(name)) continue;
  if (failed && !keepGoing) {
    summary.push(`  –  ${name.padEnd(12)} not run`);
    continue;
  }
  console.log(`\n── ${name}: ${what}`);
  const start = performance.now();
  const { status } = spawnSync(command, rest, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules', '.bin')}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH}`,
    },
  });
  const seconds = `${((performance.now() - start) / 1000).toFixed(1)} s`;
  summary.push(`  ${status === 0 ? '✓' : '✗'}  ${name.padEnd(12)} ${what} (${seconds})`);
  if (status !== 0) failed = true;
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
