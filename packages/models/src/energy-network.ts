import { tanh, type Rank, type Tensor, type Tensor2D, type Variable } from '@tensorflow/tfjs-core';
import { affine } from './dense.ts';
import { initializer } from './initializer.ts';
import { patches } from './periodic.ts';

/** The weights of convolutions of widths 3, 1 and 1, as matrices: w1 `[3, hidden]`, w2 `[hidden, hidden]`, w3 `[hidden, 1]`. */
export interface EnergyWeights {
  readonly w1: Tensor;
  readonly b1: Tensor;
  readonly w2: Tensor;
  readonly b2: Tensor;
  readonly w3: Tensor;
}

/** Energy per length at each point of u `[rows, points]`: `[rows·points, 1]`. */
export function energyDensity(u: Tensor, { w1, b1, w2, b2, w3 }: EnergyWeights): Tensor {
  const h1 = tanh(affine(patches(u), w1, b1));
  const h2 = tanh(affine(h1, w2, b2));
  return affine(h2, w3);
}

/** Weights drawn anew. */
export function energyWeights(hidden: number, seed: number): Record<keyof EnergyWeights, Variable> {
  const draw = initializer(seed);
  return {
    w1: draw<Rank.R2>([3, hidden], 3),
    b1: draw<Rank.R1>([hidden], 3),
    w2: draw<Rank.R2>([hidden, hidden], hidden),
    b2: draw<Rank.R1>([hidden], hidden),
    w3: draw<Rank.R2>([hidden, 1], hidden),
  };
}

/** The energy densities of one row of points, in doubles: TensorFlow.js has none. */
export function energyDensity64(u: Float64Array, weights: EnergyWeights): Float64Array {
  const { w1, b1, w2, b2, w3 } = weights;
  const matrices = { first: matrixOf(w1), second: matrixOf(w2), last: matrixOf(w3) };
  const [biasOne, biasTwo] = [b1.dataSync<'float32'>(), b2.dataSync<'float32'>()];
  const n = u.length;
  return Float64Array.from({ length: n }, (_, i) => {
    const patch = [u[(i + n - 1) % n]!, u[i]!, u[(i + 1) % n]!];
    const h1 = product(patch, matrices.first, biasOne).map(Math.tanh);
    const h2 = product(h1, matrices.second, biasTwo).map(Math.tanh);
    return product(h2, matrices.last)[0]!;
  });
}

interface Matrix {
  readonly columns: number;
  readonly data: ArrayLike<number>;
}

function matrixOf(w: Tensor): Matrix {
  return { columns: (w as Tensor2D).shape[1], data: w.dataSync<'float32'>() };
}

/** x W + b. */
function product(x: readonly number[], { columns, data }: Matrix, bias?: ArrayLike<number>): number[] {
  const result = Array.from({ length: columns }, (_, j) => bias?.[j] ?? 0);
  for (let i = 0; i < x.length; i++)
    for (let j = 0; j < columns; j++) result[j]! += x[i]! * data[i * columns + j]!;
  return result;
}
