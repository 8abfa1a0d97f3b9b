/** Bytes of code that leave a value on the stack, or none. */
export type Code = readonly number[];

/** An unsigned integer in LEB128. */
export function unsigned(x: number): number[] {
  const bytes: number[] = [];
  do {
    const low = x % 128;
    x = Math.floor(x / 128);
    bytes.push(x > 0 ? low + 128 : low);
  } while (x > 0);
  return bytes;
}

/** A signed integer of 32 bits in LEB128. */
export function signed(x: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = x & 127;
    x >>= 7;
    if ((x === 0 && (low & 64) === 0) || (x === -1 && (low & 64) !== 0)) return [...bytes, low];
    bytes.push(low | 128);
  }
}

/** Adds bytes at the end; of any number, where `push(...bytes)` would overflow the stack. */
export function append(to: number[], bytes: Code): void {
  for (const byte of bytes) to.push(byte);
}

/** A list: its length, and what it holds. */
export function list(items: readonly Code[]): number[] {
  const bytes = unsigned(items.length);
  for (const item of items) append(bytes, item);
  return bytes;
}

/** A name: its length, and its letters, which are ASCII. */
export function text(name: string): number[] {
  return [...unsigned(name.length), ...Array.from(name, (letter) => letter.charCodeAt(0))];
}
