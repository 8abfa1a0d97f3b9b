import { Writable } from 'node:stream';

/** What a command line wrote, and how it ended. */
export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line within this process, and gives what it wrote. */
export async function runCommand(
  run: (
    args: readonly string[],
    streams: { readonly out: Writable; readonly err: Writable },
  ) => Promise<number>,
  args: readonly string[],
): Promise<Ran> {
  const written = { out: '', err: '' };
  const into = (name: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written[name] += chunk.toString();
        done();
      },
    });
  const status = await run(args, { out: into('out'), err: into('err') });
  return { status, ...written };
}
