import { afresh } from '@odegrad/engine-tfjs';
import { addN, engine, mul, scalar, sum, zerosLike, type Tensor } from '@tensorflow/tfjs-core';

/** A tensor, and how it moves: of the same shape. */
export type Move = readonly [x: Tensor, direction: Tensor];

/** Values, and how they move. */
export interface Moved {
  readonly values: readonly Tensor[];
  readonly tangents: readonly Tensor[];
}

/**
 * The values of `f` and their derivative J v in a direction, where TensorFlow.js has pullbacks alone: u ↦ ⟨Jᵀu, v⟩ is linear in u,
 * and its gradient is J v. `f` may read what moves as its tensors stand, and is called twice; an engine that compiles merges the
 * calls. All of it is recorded as ordinary operations and may be differentiated again, within `smoothGradients`.
 */
export function directional(f: () => readonly Tensor[], moves: readonly Move[]): Moved {
  const values = f();
  // As J v is the same for every u, it is taken at 0, where most of ⟨Jᵀu, v⟩ folds away.
  const cotangents = values.map((x) => zerosLike(x));
  if (moves.length === 0) return { values, tangents: cotangents };
  const pairing = (): Tensor => {
    const pulled = gradients(
      () => inner(f(), cotangents),
      moves.map(([x]) => x),
    );
    const reached = moves.flatMap(([, v], i) => (pulled[i] ? [{ x: pulled[i], v }] : []));
    return inner(
      reached.map(({ x }) => x),
      reached.map(({ v }) => v),
    );
  };
  // What moves may be made of each other on a tape outside.
  const pushed = afresh(() => gradients(pairing, cotangents));
  return { values, tangents: pushed.map((x, i) => x ?? cotangents[i]!) };
}

/** The gradients of a number to tensors that its function reads; undefined for those that it does not depend on. */
export function gradients(f: () => Tensor, xs: readonly Tensor[]): readonly (Tensor | undefined)[] {
  const { grads } = engine().gradients(f, [...xs], undefined, true);
  return (grads as (Tensor | null | undefined)[]).map((x) => x ?? undefined);
}

/** Σ ⟨xᵢ, yᵢ⟩ */
function inner(xs: readonly Tensor[], ys: readonly Tensor[]): Tensor {
  return xs.length === 0 ? scalar(0) : addN(xs.map((x, i) => sum(mul(x, ys[i]!))));
}
