import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { run } from './program.ts';

/** A stream that keeps what it is given, and takes so many writes, at once or in a while. */
function stream(writes: number, later = false): Writable & { readonly text: string } {
  let text = '';
  let left = writes;
  const made = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const answer = (): void => {
        left -= 1;
        if (left < 0) {
          done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
          return;
        }
        text += chunk.toString();
        done();
      };
      if (later) setTimeout(answer, 1);
      else answer();
    },
  });
  return Object.defineProperty(made, 'text', { get: () => text }) as Writable & { readonly text: string };
}

const train = ['train', 'lynx-hare', '--iterations', '12', '--engine', 'tfjs:cpu'];
const lines = (text: string): string[] => text.trimEnd().split('\n');

describe('a stream that takes no more', () => {
  it.each([false, true])(
    'of results ends the work with a word (its failure comes later: %s)',
    async (later) => {
      const [out, err] = [stream(3, later), stream(Infinity)];
      expect(await run([...train, '--json'], { out, err })).toBe(1);
      expect(lines(out.text)).toHaveLength(3);
      const remarks = lines(err.text);
      expect(remarks.at(-1)).toBe(
        'odegrad: Results could not be written to standard output: its reader has closed it (EPIPE). What came after is lost.',
      );
      // Of twelve iterations; what fails later is known a few iterations after.
      expect(remarks.length).toBeLessThan(12);
    },
  );

  it('of results is told of where only the last of them is lost', async () => {
    const [out, err] = [stream(0, true), stream(Infinity)];
    expect(await run(['--help'], { out, err })).toBe(1);
    expect(err.text).toMatch(/^odegrad: Results could not be written to standard output: .*\n$/);
  });

  it.each([false, true])('of remarks leaves the work alone (its failure comes later: %s)', async (later) => {
    const [out, err] = [stream(Infinity), stream(1, later)];
    expect(await run([...train, '--json'], { out, err })).toBe(1);
    expect(lines(out.text)).toHaveLength(13);
    expect(lines(out.text).every((text) => text.startsWith('{"type":'))).toBe(true);
  });

  it('of remarks is told of among results for people', async () => {
    const [out, err] = [stream(Infinity), stream(0)];
    expect(await run(train, { out, err })).toBe(1);
    expect(lines(out.text)).toEqual([
      expect.stringMatching(/^Hare and lynx/),
      'odegrad: Remarks could not be written to standard error: its reader has closed it (EPIPE).',
    ]);
  });

  it('of remarks leaves the status of a wrong command line', async () => {
    expect(await run(['train'], { out: stream(Infinity), err: stream(0) })).toBe(2);
  });

  it('of any kind ends in a status', async () => {
    expect(await run(train, { out: stream(0), err: stream(0) })).toBe(1);
  });
});
