import { systemReason } from './system-reason.ts';

/** Where a command writes. Results go to `out`, everything else to `err`. */
export interface Streams {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Results cannot be written: their reader has gone, or a disk is full. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

/** What was wrong first with each stream that is watched. */
const failures = new WeakMap<NodeJS.WritableStream, { error?: Error }>();

/** Sees to it that a stream's failure is kept for `failureOf` and ends no process. */
export function watch(stream: NodeJS.WritableStream): void {
  if (failures.has(stream)) return;
  const failure: { error?: Error } = {};
  failures.set(stream, failure);
  stream.on('error', (error: Error) => {
    failure.error ??= error;
  });
}

/** Why a watched stream takes no more, once that is known. */
export function failureOf(
  stream: NodeJS.WritableStream & { readonly errored?: Error | null },
): Error | undefined {
  // Where writing is synchronous, as to files and pipes on Linux, `errored` is there before the event.
  return failures.get(stream)?.error ?? stream.errored ?? undefined;
}

/** Waits until all that was written has arrived, or cannot. */
export async function settled(stream: NodeJS.WritableStream): Promise<void> {
  if (failureOf(stream)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('error', done);
      resolve();
    };
    stream.on('error', done);
    stream.write('', done);
  });
}

/** Writes a line of results. @throws {OutputError} if the stream takes none, so that no work is done for nobody. */
export function line(stream: NodeJS.WritableStream, text: string): void {
  result(stream, `${text}\n`);
}

/** Writes results as they are. @throws {OutputError} if the stream takes none. */
export function result(stream: NodeJS.WritableStream, text: string): void {
  if (!failureOf(stream)) stream.write(text);
  const failure = failureOf(stream);
  if (failure) throw new OutputError(systemReason(failure), { cause: failure });
}

/** Writes a line of progress or remarks, without which work goes on. */
export function remark(stream: NodeJS.WritableStream, text: string): void {
  stream.write(`${text}\n`);
}

/** Writes one object as a line of JSON. @throws {OutputError} if the stream takes none. */
export function jsonLine(stream: NodeJS.WritableStream, value: object): void {
  line(
    stream,
    JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'number' ? short(entry) : entry)),
  );
}

/** At most 8 significant digits: what float32 results and timings have. */
function short(x: number): number {
  return Number.isInteger(x) ? x : Number(x.toPrecision(8));
}
