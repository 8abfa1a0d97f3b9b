import type { Tensor } from '@tensorflow/tfjs-core';
import { callable, check } from '@odegrad/core';
import {
  structureOf,
  type CotangentOf,
  type Model,
  type OdeGradient,
  type OdeState,
  type SlopeOf,
  type Times,
  type VectorFieldFunction,
} from '@odegrad/engine-tfjs';
import { lossDerivatives } from './loss.ts';
import { disposeTensors, type Part } from './part.ts';
import { tangent, type TangentOptions } from './tangent.ts';

/** How a problem is solved, what is made of its solution, and the direction that the Hessian is multiplied with. */
export interface HessianVectorOptions<S, A = undefined> extends TangentOptions<S, A> {
  /**
   * A number, a scalar tensor, of the states at all times: tensors of y0's structure, each part `[ts.length, ...shape]`, also where y0 is
   * in doubles. It is twice differentiable, and depends on what moves through the states alone.
   */
  readonly loss: (ys: SlopeOf<S>) => Tensor;
}

/**
 * The Hessian of a loss of a solution, to y0, variables and args, times a direction of these: of the structure of a gradient, which it
 * is the derivative of. Exact for the discrete solution, steps and output times fixed. The caller owns the tensors.
 *
 * With F the tangent field and its solution (y, ẏ), it is the gradient of ⟨L'(y), ẏ⟩: L''(y) ẏ pulled back at y and L'(y) at ẏ. So it
 * costs a solve of F and its pullback, in the memory that the strategy has for a state twice as large.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if the solve cannot go
 * on. Nothing stays alive then.
 */
export function hessianVector<const S extends OdeState, A = undefined>(
  f: NoInfer<VectorFieldFunction<S, A> | Model>,
  y0: S,
  ts: Times,
  options: HessianVectorOptions<S, A>,
): OdeGradient<S, A> {
  const { loss, ...rest } = options;
  check('loss', loss, callable);
  const moved = tangent<S, A>(f, y0, ts, rest);
  try {
    const structure = structureOf(y0);
    const partsOf = (state: unknown): Part[] => structure.flatten(state, 'ys', (part) => part as Part);
    const [ys, tangents] = [partsOf(moved.ys), partsOf(moved.tangents)];
    const found = lossDerivatives(loss, structure, ys, tangents, rest);
    try {
      const half = (from: number): CotangentOf<S> =>
        structure.unflatten(found.slice(from, from + ys.length) as Tensor[]);
      return moved.pullback({ ys: half(ys.length), tangents: half(0) });
    } finally {
      disposeTensors(found);
    }
  } finally {
    moved.dispose();
  }
}
