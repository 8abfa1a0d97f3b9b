import type { Code } from '../encode/bytes.ts';
import { vector, type Lanes } from '../functions/lanes.ts';

const shuffle = (a: Code, b: Code, bytes: readonly number[]): Code => [...a, ...b, ...vector(0x0d), ...bytes];
/** Bytes of lanes, those of the second vector counted on. */
const lanesOf = (width: number, picked: readonly number[]): number[] =>
  picked.flatMap((lane) => Array.from({ length: width }, (_, byte) => lane * width + byte));

/** What an operation makes of all lanes, in every lane. */
export function acrossLanes({ keep, count, width }: Lanes, x: Code, op: (a: Code, b: Code) => Code): Code {
  let all = keep(x);
  for (let by = count / 2; by >= 1; by /= 2) {
    const moved = Array.from({ length: count }, (_, lane) => (lane + by) % count);
    all = keep(op(all, shuffle(all, all, lanesOf(width, moved))));
  }
  return all;
}

/** The sums of the lanes of as many vectors as there are lanes, as one vector. */
export function sumsOfLanes({ keep, add, count, width }: Lanes, vectors: readonly Code[]): Code {
  const pair = (a: Code, b: Code, low: readonly number[], high: readonly number[]): Code =>
    keep(add(shuffle(a, b, lanesOf(width, low)), shuffle(a, b, lanesOf(width, high))));
  if (count === 2) return pair(vectors[0]!, vectors[1]!, [0, 2], [1, 3]);
  const [a, b] = [0, 2].map((i) => pair(vectors[i]!, vectors[i + 1]!, [0, 4, 1, 5], [2, 6, 3, 7]));
  return pair(a!, b!, [0, 1, 4, 5], [2, 3, 6, 7]);
}
