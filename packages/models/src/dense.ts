import { add, matMul, type Rank, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { Initializer } from './initializer.ts';

/** x W + b, for x `[rows, inputs]`; without b where there is none. */
export function affine(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const product = matMul(x, weight);
  return bias ? add(product, bias) : product;
}

/** A layer x W + b with W `[inputs, outputs]`. */
export interface Dense {
  readonly variables: Variable[];
  /** x `[rows, inputs]` → `[rows, outputs]`. */
  apply(x: Tensor): Tensor;
}

export function dense(draw: Initializer, inputs: number, outputs: number): Dense {
  const weight = draw<Rank.R2>([inputs, outputs], inputs);
  const bias = draw<Rank.R1>([outputs], inputs);
  return { variables: [weight, bias], apply: (x) => affine(x, weight, bias) };
}

/** Dense layers of the given widths with `activation` between them. */
export function perceptron(
  draw: Initializer,
  widths: readonly number[],
  activation: (x: Tensor) => Tensor,
): Dense {
  const layers = widths.slice(1).map((outputs, i) => dense(draw, widths[i]!, outputs));
  return {
    variables: layers.flatMap(({ variables }) => variables),
    apply: (x) => layers.reduce((h, layer, i) => layer.apply(i === 0 ? h : activation(h)), x),
  };
}
