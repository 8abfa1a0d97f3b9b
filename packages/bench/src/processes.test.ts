import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// What was built: the command as it is installed.
const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const train = 'train lynx-hare --iterations 3 --engine tfjs:cpu';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odegrad-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Runs a line of bash, in which $odegrad is the command. */
function shell(script: string): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `set -o pipefail; ${script}`], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, odegrad: `${process.execPath} ${cli}` },
  });
  return { status, out: stdout, err: stderr };
}

/** One line of its own words, and no trace of a stack. */
const word = (text: string): RegExp => new RegExp(`(^|\\n)odegrad: ${text}[^\\n]*\\n$`);

describe.runIf(process.platform === 'linux')('the command as a process', { timeout: 240_000 }, () => {
  it('says that its standard output is full', () => {
    const { status, err } = shell(`$odegrad ${train} > /dev/full`);
    expect(err).toMatch(word('Results could not be written to standard output: no space left on device'));
    expect(status).toBe(1);
  });

  it('says that its standard output is closed, and stops', () => {
    const { status, out, err } = shell(`$odegrad ${train} --iterations 5000 --json | head -1`);
    expect(out).toMatch(/^\{"type":"iteration","iteration":1,.*\}\n$/);
    expect(err).toMatch(word('Results could not be written to standard output: its reader has closed it'));
    expect(status).toBe(1);
  });

  it('goes on where its standard error is full, and says so', () => {
    const { status, out } = shell(`$odegrad ${train} 2> /dev/full`);
    expect(out).toMatch(/^Hare and lynx .* after 3 iterations in/);
    expect(out).toMatch(word('Remarks could not be written to standard error: no space left on device'));
    expect(status).toBe(1);
  });

  it('leaves a report as it was where the disk has no room for another', async () => {
    await writeFile(join(folder, 'report.html'), 'old');
    // Files may have 4 KiB at most, as on a disk that is nearly full.
    const { status, err } = shell(`ulimit -f 4; $odegrad ${train} --engine wasm --report report.html`);
    expect(err).toMatch(
      word("'report.html' cannot be written: file too large .*What was there before is untouched"),
    );
    expect(status).toBe(1);
    expect(await readdir(folder)).toEqual(['report.html']);
    expect(await readFile(join(folder, 'report.html'), 'utf8')).toBe('old');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'leaves nothing behind where %s ends a training',
    async (signal) => {
      const args = [cli, ...train.split(' '), '--iterations', '5000', '--report', 'report.html'];
      const child = spawn(process.execPath, args, { cwd: folder });
      // The first word of progress.
      await once(child.stderr, 'data');
      child.kill(signal);
      expect(await once(child, 'exit')).toEqual([null, signal]);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('takes its peer along where a signal ends it', async () => {
    // It tells of itself in a file, and of nothing else.
    const script = 'trap "" TERM INT; echo $$ > began; mv began pid; sleep 600; sleep 600';
    const args = [cli, 'against', '--workload', 'spiral', '--', 'sh', '-c', script];
    const child = spawn(process.execPath, args, { cwd: folder });
    while (!(await readdir(folder)).includes('pid')) await new Promise((resolve) => setTimeout(resolve, 20));
    const pid = (await readFile(join(folder, 'pid'), 'utf8')).trim();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
    // All that is left of its group, if anything, are processes that nobody has waited for.
    const alive = (): string[] =>
      spawnSync('ps', ['-eo', 'pgid=,state='], { encoding: 'utf8' })
        .stdout.split('\n')
        .filter((row) => row.trim().startsWith(`${pid} `) && !/Z/.test(row));
    while (alive().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});
