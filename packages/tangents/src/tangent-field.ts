import { clone, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import {
  flatField,
  smoothGradients,
  structureOf,
  type Model,
  type OdeState,
  type VectorFieldFunction,
} from '@odegrad/engine-tfjs';
import { ArgumentError } from '@odegrad/core';
import { directional, type Move } from './directional.ts';
import { movesOf } from './moves.ts';

/** What a tangent field takes as its third argument. */
export interface TangentArgs {
  /** What f gets as its own. */
  readonly args?: unknown;
  /** How the tensors of `args` move, of their structure: what is left out does not. */
  readonly argsAlong?: unknown;
  /** How the `parameters` of the tangent field move, in their order. Left out, they do not. */
  readonly along?: readonly Tensor[];
}

/** The state and how it moves, one after the other: `[...y, ...ẏ]`, each in the order of f's state. */
export type TangentField = (t: Scalar, state: readonly Tensor[], args?: TangentArgs) => Tensor[];

/** What a tangent field is of. */
export interface TangentFieldOptions<S> {
  /** Something of the structure of f's state, as y0 is. By default the state is one tensor. */
  readonly like?: S;
  /** What f reads besides and that may move: variables, or tensors that it captures. */
  readonly parameters?: readonly Tensor[];
}

/**
 * The vector field of a solution and its derivative in a direction: F(t, (y, ẏ)) = (f, ∂f/∂y ẏ + ∂f/∂θ θ̇), with θ the `parameters` and
 * the args of f. It is made of ordinary operations, so every engine runs it and every strategy differentiates it. One evaluation
 * costs about one of f, one pullback, and the pullback of that.
 *
 * What the solver makes of F is the derivative of what it makes of f where the steps are the same: `tangent` sees to that.
 *
 * @throws {ArgumentError}, when it is called, for directions that do not fit.
 */
export function tangentField<const S extends OdeState = Tensor>(
  f: NoInfer<VectorFieldFunction<S, never> | Model>,
  { like, parameters = [] }: TangentFieldOptions<S> = {},
): TangentField {
  return (t, state, { args, argsAlong, along } = {}) =>
    smoothGradients(() =>
      tidy(() => {
        const half = state.length / 2;
        // A state that f captures besides does not move with y.
        const y = state.slice(0, half).map((x) => clone(x));
        const structure = structureOf(like ?? (state[0] as unknown as S));
        const count = structure.names('').length;
        if (state.length !== 2 * count) {
          throw new ArgumentError(
            `A tangent field takes the ${count} parts of f's state and as many of its direction, not ${state.length}.`,
          );
        }
        const field = flatField<S>(f, structure, y, args);
        const moves: Move[] = [
          ...y.map((x, i): Move => [x, state[half + i]!]),
          ...(along ? movesOf(parameters, along, 'parameters') : []),
          ...movesOf(args, argsAlong, 'args'),
        ];
        const { values, tangents } = directional(() => field(t, y), moves);
        return [...values, ...tangents];
      }),
    );
}
