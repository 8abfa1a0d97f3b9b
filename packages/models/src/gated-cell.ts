import { add, concat, mul, sigmoid, sub, tanh, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { dense } from './dense.ts';
import type { Initializer } from './initializer.ts';

/** A gated recurrent unit. */
export interface GatedCell {
  readonly variables: Variable[];
  /** h `[rows, units]`, x `[rows, inputs]` → `[rows, units]`. */
  apply(h: Tensor, x: Tensor): Tensor;
}

/** K. Cho et al., Learning Phrase Representations using RNN Encoder–Decoder, EMNLP 2014, section 2.3. */
export function gatedCell(draw: Initializer, inputs: number, units: number): GatedCell {
  const [update, reset, candidate] = Array.from({ length: 3 }, () => dense(draw, inputs + units, units)) as [
    ReturnType<typeof dense>,
    ReturnType<typeof dense>,
    ReturnType<typeof dense>,
  ];
  return {
    variables: [update, reset, candidate].flatMap(({ variables }) => variables),
    apply(h, x) {
      const both = concat([h, x], 1);
      const keep = sigmoid(update.apply(both));
      const fresh = tanh(candidate.apply(concat([mul(sigmoid(reset.apply(both)), h), x], 1)));
      return add(mul(keep, h), mul(sub(1, keep), fresh));
    },
  };
}
