import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Random numbers that a seed decides. */
export interface Random {
  /** In [−bound, bound). */
  symmetric(bound: number): number;
  /** A whole number in 0 … below − 1. */
  below(limit: number): number;
}

/** Two random sources of the same seed give the same numbers. */
export function createRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  return {
    symmetric: (bound) => (2 * uniformFloat64(generator) - 1) * bound,
    below: (limit) => uniformInt(generator, 0, limit - 1),
  };
}
