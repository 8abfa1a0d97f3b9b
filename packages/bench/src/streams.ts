/** Where a command writes. Results go to `out`, everything else to `err`. */
export interface Streams {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Writes one line. */
export function line(stream: NodeJS.WritableStream, text: string): void {
  stream.write(`${text}\n`);
}

/** Writes one object as a line of JSON. */
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
