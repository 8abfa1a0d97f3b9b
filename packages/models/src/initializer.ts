import { randomUniform, tidy, variable, type Rank, type Variable } from '@tensorflow/tfjs-core';

/** Makes variables with entries drawn uniformly from ±1/√fanIn; of one seed always the same ones. */
export type Initializer = <R extends Rank>(shape: number[], fanIn: number) => Variable<R>;

// A prime, so that the streams of models with neighbouring seeds do not meet.
const STRIDE = 7919;

/** A stream of variables that `seed` decides. */
export function initializer(seed: number): Initializer {
  let next = STRIDE * seed;
  return <R extends Rank>(shape: number[], fanIn: number): Variable<R> => {
    const bound = 1 / Math.sqrt(fanIn);
    next += 1;
    return tidy(() =>
      variable(randomUniform(shape, -bound, bound, 'float32', next)),
    ) as unknown as Variable<R>;
  };
}
