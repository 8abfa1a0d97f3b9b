import { engine, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { ArgumentError, checkOptions, suggest, type Rules } from '@odegrad/core';
import type { CotangentOf, Float64Part, PartOf, Structure } from '@odegrad/engine-tfjs';
import { likeShape, shapeOf, zeroLike, type Part } from './part.ts';

/** How what a solve depends on moves: of the structure of its gradient. What is left out does not move. */
export interface OdeDirection<S, A = undefined> {
  /** Of the structure and shapes of y0. */
  readonly y0?: CotangentOf<S> | undefined;
  /** By the names of variables, each of its shape. */
  readonly parameters?: Readonly<Record<string, Tensor | Float64Part>> | undefined;
  /** Of the structure of `args`. */
  readonly args?: ArgDirections<A, PartOf<S>> | undefined;
}

/** Directions of `args`: numbers for numbers. */
export type ArgDirections<A, P> = A extends number
  ? number | P
  : A extends Tensor
    ? P
    : A extends Float64Part
      ? Float64Part
      : A extends readonly unknown[] | Readonly<Record<string, unknown>>
        ? { readonly [K in keyof A]?: ArgDirections<A[K], P> | undefined }
        : undefined;

/** A direction, checked and taken apart. */
export interface Along {
  readonly y0: readonly Part[];
  readonly variables: readonly Variable[];
  /** One for each variable. */
  readonly parameters: readonly Part[];
  readonly args: unknown;
}

const RULES: Rules = { y0: () => undefined, parameters: () => undefined, args: () => undefined };

/** @throws {ArgumentError} for directions of variables that there are not, or of other shapes. */
export function alongOf<S, A>(
  direction: OdeDirection<S, A> | undefined,
  structure: Structure<S>,
  y0: readonly Part[],
): Along {
  if (direction === undefined) {
    throw new ArgumentError('`direction` is missing: { y0, parameters, args }, or those of them that move.');
  }
  checkOptions('direction', direction, RULES);
  const { parameters = {} } = direction;
  const variables = Object.keys(parameters).map(variableOf);
  const along = variables.map(({ name, shape }) =>
    likeShape(parameters[name], shape, `direction.parameters['${name}']`),
  );
  // Last, as it may make tensors.
  const start =
    direction.y0 === undefined
      ? y0.map((part) => zeroLike(part))
      : structure.flatten(direction.y0, 'direction.y0', (part, name, i) =>
          likeShape(part, shapeOf(y0[i]!), name),
        );
  return { y0: start, variables, parameters: along, args: direction.args };
}

/** The variable of a name, as optimizers find it. */
function variableOf(name: string): Variable {
  const known: Readonly<Partial<Record<string, Variable>>> = engine().registeredVariables;
  const variable = known[name];
  if (variable) return variable;
  throw new ArgumentError(
    `\`direction.parameters\` has '${name}', but there is no variable of that name.${suggest(name, Object.keys(known))}`,
  );
}
