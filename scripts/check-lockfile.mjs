// The lockfile fits every package.json, names no registry host, and pins no package that downloads at install.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const problems = [];
for (const [path, entry] of Object.entries(packages)) {
  if (/^[a-z+]+:/.test(entry.resolved ?? '')) problems.push(`${path} is resolved to ${entry.resolved}`);
  if (/tfjs-node(-gpu)?$/.test(path)) problems.push(`${path} downloads at install: an optional peer only`);
}
const dryRun = spawnSync('npm', ['ci', '--dry-run', '--ignore-scripts', '--loglevel=error'], {
  cwd: root,
  encoding: 'utf8',
  shell: process.platform === 'win32',
  stdio: ['ignore', 'pipe', 'pipe'],
});
if (dryRun.status !== 0) problems.push(`npm ci --dry-run fails:\n${dryRun.stderr}`);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${Object.keys(packages).length} packages`);
