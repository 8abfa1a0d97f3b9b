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
    peer.close();
  });

  it.each([
    ['nothing at all', '', /ended \(exit status 0\) without a word/],
    ['an error', 'throw new Error("no torch here")', /ended \(exit status 1\)/],
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
    peer.close();
    await expect(peer.run(1)).rejects.toThrow(/ended|answered/);
  });
});
