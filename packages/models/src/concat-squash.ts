import { add, mul, sigmoid, type Rank, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { affine } from './dense.ts';
import { initializer, type Initializer } from './initializer.ts';

/** A function of time and of the rows of x that learns. */
export interface TimeNetwork {
  readonly variables: Variable[];
  /** t a scalar, x `[rows, inputs]` → `[rows, outputs]`. */
  apply(t: Tensor, x: Tensor): Tensor;
}

/** Sizes of a layer, and what its weights are drawn from. */
export interface LayerOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Default 1. */
  readonly seed?: number;
}

/**
 * The layer (x W + b) ⊙ σ(t w_g + b_g) + t w_b, by which time opens gates and moves thresholds: x `[rows, inputs]`
 * → `[rows, outputs]`.
 *
 * W. Grathwohl, R. T. Q. Chen, J. Bettencourt, I. Sutskever, D. Duvenaud, FFJORD, ICLR 2019: the layer
 * `concatsquash` of the paper's code.
 */
export function concatSquash({ inputs, outputs, seed = 1 }: LayerOptions): TimeNetwork {
  return squashLayer(initializer(seed), inputs, outputs);
}

/** Concat-squash layers of the given widths with `activation` between them. */
export function squashNetwork(
  widths: readonly number[],
  activation: (x: Tensor) => Tensor,
  seed: number,
): TimeNetwork {
  const draw = initializer(seed);
  const layers = widths.slice(1).map((outputs, i) => squashLayer(draw, widths[i]!, outputs));
  return {
    variables: layers.flatMap(({ variables }) => variables),
    apply: (t, x) => layers.reduce((h, layer, i) => layer.apply(t, i === 0 ? h : activation(h)), x),
  };
}

function squashLayer(draw: Initializer, inputs: number, outputs: number): TimeNetwork {
  const weight = draw<Rank.R2>([inputs, outputs], inputs);
  const bias = draw<Rank.R1>([outputs], inputs);
  // Time is one number, and so fan-in one.
  const gate = draw<Rank.R1>([outputs], 1);
  const gateBias = draw<Rank.R1>([outputs], 1);
  const shift = draw<Rank.R1>([outputs], 1);
  return {
    variables: [weight, bias, gate, gateBias, shift],
    apply: (t, x) => add(mul(affine(x, weight, bias), sigmoid(add(mul(t, gate), gateBias))), mul(t, shift)),
  };
}
