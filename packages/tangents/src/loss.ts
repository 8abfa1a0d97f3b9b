import { tidy, zerosLike, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, type ButcherTableau } from '@odegrad/core';
import { isolated, odeint, type OdeOptions, type Structure } from '@odegrad/engine-tfjs';
import { directional, gradients, type Move } from './directional.ts';
import { zeroLike, type Part } from './part.ts';
import { remembered } from './remembered.ts';

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

/** The derivatives of a loss as a field, which does not read its state. */
type LossField = (
  t: Tensor,
  y: readonly Tensor[],
  at: { readonly ys: Tensor[]; readonly tangents: Tensor[] },
) => Tensor[];

const fieldOf =
  (loss: Loss, structure: Structure<unknown>): LossField =>
  (_t, _y, { ys, tangents }) => {
    const value = (): Tensor => valueOf(loss(structure.unflatten(ys) as never));
    const first = (): Tensor[] => gradients(value, ys).map((x, i) => x ?? zerosLike(ys[i]!));
    const moves = ys.map((y, i): Move => [y, tangents[i]!]);
    const found = directional(first, moves);
    return [...found.values, ...found.tangents];
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
  const field = remembered(loss, ['loss', String(structure.names(''))], () => fieldOf(loss, structure));
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
