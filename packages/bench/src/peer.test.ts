import { readFileSync } from 'node:fs';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { openPeer } from './peer.ts';

const introduction = { name: 'other', check: { loss: 1, gnorm_y0: 2, gnorm_params: 3 } };

/** A program that introduces itself and then runs `body` for each line n. */
const program = (body: string, first: unknown = introduction): string =>
  `console.log(${JSON.stringify(JSON.stringify(first))});
   require('readline').createInterface({ input: process.stdin }).on('line', (n) => { ${body} });`;

const open = (source: string): ReturnType<typeof openPeer> => openPeer(process.execPath, ['-e', source]);

describe('a peer', () => {
  it('is asked for so many values and gradients, again and again', async () => {
    const peer = await open(program('console.log(1.5 * n)'));
    expect(peer).toMatchObject(introduction);
    expect(await peer.run(2)).toBe(3);
    expect(await peer.run(4)).toBe(6);
    await peer.close();
  });

  it('is asked for solves without a gradient in words', async () => {
    const told = { ...introduction, forward: true, evaluations: { forward: 7, backward: 0, pullbacks: 6 } };
    const peer = await open(program('console.log(n.endsWith(" forward") ? 1 : 2)', told));
    expect(peer).toMatchObject(told);
    expect([await peer.run(3, 'forward'), await peer.run(3)]).toEqual([1, 2]);
    await peer.close();
  });

  it.each([
    ['evaluations in words', { evaluations: { forward: 'many', backward: 0, pullbacks: 0 } }],
    ['results that are no lists', { results: { outputs: 1, gradient: [2] } }],
  ])('is refused where it tells %s', async (_name, more) => {
    await expect(open(program('', { ...introduction, ...more }))).rejects.toThrow(
      /in place of its name and check/,
    );
  });

  it.each([
    ['nothing at all', '', /ended \(exit status 0\) without a word/],
    ['an error', 'throw new Error("no torch here")', /ended \(exit status 1\): Error: no torch here/],
    ['no JSON', 'console.log("hello")', /answered 'hello' in place of its name and check/],
    ['no check', 'console.log(JSON.stringify({ name: "other" }))', /in place of its name and check/],
  ])('is refused where its first line is %s', async (_name, source, message) => {
    await expect(open(source)).rejects.toThrow(message);
  });

  it('is refused where there is no such program', async () => {
    await expect(openPeer('odegrad-has-no-such-program', [])).rejects.toThrow(
      /'odegrad-has-no-such-program' could not be started: .*ENOENT/,
    );
  });

  it.each([
    ['words', 'console.log("a while")', /answered 'a while' in place of milliseconds/],
    ['no time at all', 'console.log(0)', /answered '0' in place of milliseconds/],
    ['its last words', 'console.error("out of memory"); process.exit(3)', /exit status 3\): out of memory/],
  ])('is refused where it answers with %s', async (_name, body, message) => {
    const peer = await open(program(body));
    await expect(peer.run(1)).rejects.toThrow(message);
    // It has ended, or will now; another question is no uncaught error.
    await peer.close();
    await expect(peer.run(1)).rejects.toThrow(/ended|answered/);
  });

  it.each([
    [
      'nothing',
      'setInterval(() => undefined, 1000)',
      /did not give its name and check within 0\.5 s.*printed nothing/,
    ],
    [
      'half a line and a warning',
      'process.stdout.write("{ half"); console.error("a warning"); setInterval(() => undefined, 1000)',
      /within 4 s\. So far it has printed:\n(\{ halfa warning|a warning\n\{ half)\nGive it longer with --timeout/,
    ],
    [
      'nothing more, since it closed its output',
      'require("fs").closeSync(1); setInterval(() => undefined, 1000)',
      /did not give its name and check within 0\.5 s/,
    ],
  ])('is given up where it prints %s', async (what, source, message) => {
    const patience = what.startsWith('half') ? 4 : 0.5;
    await expect(openPeer(process.execPath, ['-e', source], patience)).rejects.toThrow(message);
  });

  it('is given up where it does not answer', async () => {
    const peer = await openPeer(process.execPath, ['-e', program('')], 5);
    await expect(peer.run(1)).rejects.toThrow(/did not give milliseconds within 5 s\. So far .*\n.*"other"/);
    await peer.close();
  });

  it('is refused where it prints what was not asked for', async () => {
    // Numbers of its own would pass for milliseconds.
    const peer = await open(program('console.log(0.25); console.log(1.5)'));
    expect(await peer.run(1)).toBe(0.25);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await expect(peer.run(1)).rejects.toThrow(/printed '1\.5' without being asked/);
    await peer.close();
  });

  it.runIf(process.platform !== 'win32')(
    'ends with all that it started, even if it does not want to',
    async () => {
      const stubborn = "process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000);";
      const source = `
      ${stubborn}
      const { pid } = require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}]);
      console.log(JSON.stringify({ name: String(pid), check: ${JSON.stringify(introduction.check)} }));`;
      const peer = await open(source);
      const child = Number(peer.name);
      expect(isAlive(child)).toBe(true);
      await peer.close();
      await vanished(child);
    },
  );
});

/** Whether a process runs; what ended and was not waited for does not. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // There is none.
    return false;
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // It ended just now, or this is not Linux.
    return process.platform !== 'linux';
  }
}

/** Waits until a process has ended; the test's time limit is the limit. */
async function vanished(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}
