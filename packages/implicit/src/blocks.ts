import type { ButcherTableau } from '@odegrad/core';

/** Stages that are solved for together, in order: those of a block depend on one another and on none after it. */
export function blocksOf({ a, b }: Pick<ButcherTableau, 'a' | 'b'>): readonly (readonly number[])[] {
  const blocks: number[][] = [];
  for (let from = 0; from < b.length;) {
    let to = from + 1;
    for (let i = from; i < to; i++) to = Math.max(to, a[i]!.findLastIndex((x) => x !== 0) + 1);
    blocks.push(Array.from({ length: to - from }, (_, n) => from + n));
    from = to;
  }
  return blocks;
}
