import { tidy, zerosLike, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, type ButcherTableau } from '@odegrad/core';
import { isolated, odeint, type OdeOptions, type Structure } from '@odegrad/engine-tfjs';
import { directional, gradients, type Move } from './directional.ts';
import { zeroLike, type Part } from './part.ts';

/** A loss of the states at all times: of y0's structure, each part `[ts.length, ...shape]`, a number. */
export type Loss = (ys: never) => Tensor;

/** y(1) = y(0) + f: what a function gives, where y(0) = 0. */
const APPLY: ButcherTableau = {
  name: 'apply',
  order: 1,
  reference: 'Euler, from 0 to 1',
  a: [[]],
  b: [1],
  c: [0],
};

/**
 * L'(ys), and how it moves with ys, L''(ys) ẏs: parts like `ys`, and parts like `tangents`, one after the other, the caller's. The
 * engine of the solve computes them, by one Euler step from 0, so that in doubles they are right to doubles.
 */
export function lossDerivatives(
  loss: Loss,
  structure: Structure<unknown>,
  ys: readonly Part[],
  tangents: readonly Part[],
  { engine, registry, dtype }: Pick<OdeOptions, 'engine' | 'registry' | 'dtype'>,
): readonly Part[] {
  const field = (_t: Tensor, _y: readonly Tensor[], at: { ys: Tensor[]; tangents: Tensor[] }): Tensor[] => {
    const first = (): Tensor[] =>
      gradients(() => valueOf(loss(structure.unflatten(at.ys) as never)), at.ys).map(
        (x, i) => x ?? zerosLike(at.ys[i]!),
      );
    const found = directional(
      first,
      at.ys.map((y, i): Move => [y, at.tangents[i]!]),
    );
    return [...found.values, ...found.tangents];
  };
  return isolated(() =>
    tidy(() => {
      const start = [...ys, ...tangents].map((part) => zeroLike(part)) as Tensor[];
      const args = { ys, tangents } as { ys: Tensor[]; tangents: Tensor[] };
      const step = { solver: APPLY, numSteps: 1, saveAt: 'end' } as const;
      return [...odeint(field, start, [0, 1], { engine, registry, dtype, ...step, args })];
    }),
  );
}

function valueOf(value: unknown): Tensor {
  const { rank, dtype } = (value ?? {}) as Partial<Tensor>;
  if (rank === 0 && dtype === 'float32') return value as Tensor;
  throw new ArgumentError(
    '`loss` must return a number: a float32 tensor of shape [], as tf.sum and tf.losses.meanSquaredError do.',
  );
}
