import type { Buffer, View } from './view.ts';

/** What the code of a loop depends on but for where its buffers are, which it names by their numbers in a list. */
export interface Signature {
  readonly text: string;
  readonly buffers: readonly Buffer[];
}

/** The signature that `write` makes, with a text for each view. */
export function signatureOf(write: (view: (of: View) => string) => string): Signature {
  const numbers = new Map<Buffer, number>();
  const text = write(({ buffer, offset, strides }) => {
    let number = numbers.get(buffer);
    if (number === undefined) numbers.set(buffer, (number = numbers.size));
    return `${number}/${buffer.width}+${offset}*${strides.join()}`;
  });
  return { text, buffers: [...numbers.keys()] };
}
