import { clone, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import {
  flatField,
  smoothGradients,
  structureOf,
  type Model,
  type OdeState,
  type Structure,
  type VectorFieldFunction,
} from '@odegrad/engine-tfjs';
import { ArgumentError } from '@odegrad/core';
import { directional, type Move } from './directional.ts';
import { movesOf } from './moves.ts';
import { remembered } from './remembered.ts';

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
  return fieldOf(f, like === undefined ? undefined : structureOf<S>(like), parameters);
}

/** The same of a known structure, and the same object for the same f, structure and parameters. */
export function fieldAlong<S>(
  f: VectorFieldFunction<S, never> | Model,
  structure: Structure<S>,
  parameters: readonly Tensor[],
): TangentField {
  const of = ['tangent', String(structure.names('')), ...parameters];
  return remembered(f, of, () => fieldOf(f, structure, parameters));
}

/** By the structure of the state, where it is not one tensor. */
function fieldOf<S>(
  f: VectorFieldFunction<S, never> | Model,
  structure: Structure<S> | undefined,
  parameters: readonly Tensor[],
): TangentField {
  return (t, state, { args, argsAlong, along } = {}) =>
    smoothGradients(() =>
      tidy(() => {
        const whole = structure ?? structureOf<S>(state[0] as unknown as S);
        const count = whole.names('').length;
        if (state.length !== 2 * count) {
          throw new ArgumentError(
            `A tangent field takes the ${count} parts of f's state and as many of its direction, not ${state.length}.`,
          );
        }
        // A state that f captures besides does not move with y.
        const y = state.slice(0, count).map((x) => clone(x));
        const field = flatField<S>(f, whole, y, args);
        const moves: Move[] = [
          ...y.map((x, i): Move => [x, state[count + i]!]),
          ...(along ? movesOf(parameters, along, 'parameters') : []),
          ...movesOf(args, argsAlong, 'args'),
        ];
        const { values, tangents } = directional(() => field(t, y), moves);
        return [...values, ...tangents];
      }),
    );
}
