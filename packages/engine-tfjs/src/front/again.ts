import { addN, mul, sum, zeros, type Tensor } from '@tensorflow/tfjs-core';
import { EngineError } from '@odegrad/core';
import { packedOf, unpack } from './packed.ts';
import type { OdeState } from './state.ts';
import { environmentOf } from '../tape/environment.ts';
import { internals } from '../tape/internals.ts';
import {
  abandonGradient,
  afresh,
  isDifferentiatedAgain,
  recordOperation,
  whenTapeEnds,
} from '../tape/tape.ts';

/**
 * How the trajectories of `odeint(f, y0, ts, options)` move, by the parts of y0, as a solve on the tape that is on: what differentiates
 * a gradient of `odeint`. `tangents` of `@odegrad/tangents` is one.
 */
export type TangentSolver = (
  f: object,
  y0: OdeState,
  ts: object,
  options: object,
  along: Along,
) => readonly Tensor[];

/** How what a solve depends on moves. */
export interface Along {
  /** By the parts of y0. */
  readonly y0: readonly Tensor[];
  /** What f reads and that moves. */
  readonly parameters: readonly Tensor[];
  /** How each of them does. */
  readonly directions: readonly Tensor[];
}

/** How results move on the tape that is on, or why no more than one derivative of them can be had. */
export type Again = ((along: Along) => readonly Tensor[]) | string;

/** The gradient of a solve, and what it depends on. */
interface GradientOfSolve {
  readonly gradient: readonly Tensor[];
  /** The cotangent of the results as one, and by results. */
  readonly cotangent: Tensor;
  byResult(cotangent: Tensor): readonly Tensor[];
  readonly inputs: readonly Tensor[];
  /** How the results move when what the gradient is of moves so. */
  tangents(directions: readonly Tensor[]): readonly Tensor[];
  /** Runs `body` while what the solve reads has the values that it had. */
  within<T>(body: () => T): T;
}

/**
 * The gradient x̄ = Jᵀc as one operation on the tape. Of a direction w that it is pulled back along, ⟨x̄, w⟩ = ⟨c, J w⟩, and J w is a solve
 * on a tape of its own: the gradient of that to c is J w, and to x the Hessian of ⟨c, y⟩ times w.
 */
function differentiableAgain(of: GradientOfSolve): Tensor[] {
  const { gradient, cotangent, inputs, within } = of;
  const { packed, shapes } = packedOf(() => gradient);
  const sources = [...new Set([cotangent, ...inputs])];
  const values = environmentOf(sources);
  recordOperation('odeint gradient', sources, packed, (w, isWanted) => {
    const product = (): Tensor => {
      const moved = of.tangents(unpack(w, shapes));
      return addN(of.byResult(cotangent).map((c, i) => sum(mul(c, moved[i]!))));
    };
    const wanted = sources.filter(isWanted);
    const take = (): (Tensor | undefined)[] => internals().gradients(product, wanted, undefined, true).grads;
    try {
      const found = within(() => values.within(() => afresh(take)));
      return sources.map((x) => found[wanted.indexOf(x)] ?? zeros(x.shape));
    } catch (error) {
      abandonGradient();
      throw error;
    }
  });
  whenTapeEnds(values.release);
  return unpack(packed, shapes);
}

/** A gradient as it is put on the tape, where it may itself be differentiated; or why it may not. */
export function lasting(
  gradient: readonly Tensor[],
  of: Omit<GradientOfSolve, 'gradient' | 'tangents'>,
  tangents: GradientOfSolve['tangents'] | string,
): readonly Tensor[] {
  if (!isDifferentiatedAgain()) return gradient;
  // What it depends on may be disposed of by now.
  return of.within(() => {
    if (typeof tangents !== 'string') return differentiableAgain({ ...of, gradient, tangents });
    const refuse = (): never => {
      abandonGradient();
      throw new EngineError(`The gradient of odeint cannot be differentiated again: ${tangents}`);
    };
    for (const x of gradient) recordOperation('odeint gradient', [of.cotangent, ...of.inputs], x, refuse);
    return gradient;
  });
}
