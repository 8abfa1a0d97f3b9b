import type { Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, type Statistics } from '@odegrad/core';
import {
  solve,
  structureOf,
  type CotangentOf,
  type LikeState,
  type Model,
  type OdeGradient,
  type OdeOptions,
  type OdeSolution,
  type OdeState,
  type Structure,
  type Times,
  type VectorFieldFunction,
} from '@odegrad/engine-tfjs';
import { stateAlone } from './augmented.ts';
import { alongOf, type OdeDirection } from './direction.ts';
import { disposeTensors, zeroLike, type Part } from './part.ts';
import { fieldAlong, type TangentArgs } from './tangent-field.ts';

/** How a problem is solved, and in which direction it moves. */
export interface TangentOptions<S, A = undefined> extends Omit<OdeOptions<A>, 'dense'> {
  readonly direction: OdeDirection<S, A>;
}

/** A solution and its derivative in a direction. It holds tensors until `dispose()`. */
export interface OdeTangent<S, A = undefined> {
  /** The times of `ys`. */
  readonly ts: readonly number[];
  /** The states, as `solve` gives them: each part `[ts.length, ...shape]`. */
  readonly ys: LikeState<S>;
  /** How they move, of the same shapes: the derivative of the discrete solution, steps and output times fixed. */
  readonly tangents: LikeState<S>;
  readonly stats: Statistics;
  /** Names of what ran. */
  readonly solver: string;
  readonly gradient: string;
  readonly engine: string;
  /**
   * Gradient to y0, variables and args of a loss of both, whose derivatives are `ys` and `tangents`, undefined for zero. May be called
   * again; the caller owns the tensors.
   */
  pullback(cotangents: TangentCotangents<S>): OdeGradient<S, A>;
  /** Frees `ys`, `tangents` and what was kept for `pullback`. May be called again. */
  dispose(): void;
}

/** Derivatives of a loss. */
export interface TangentCotangents<S> {
  readonly ys?: CotangentOf<S> | undefined;
  readonly tangents?: CotangentOf<S> | undefined;
}

/**
 * Solves dy/dt = f(t, y, args), y(ts[0]) = y0, and carries along how the solution moves where y0, variables and args move in a
 * `direction`: a Jacobian–vector product, exact for the discrete solution. Steps are those of `solve`, as errors are measured by the
 * state alone. Works without a tape, with every engine and strategy, and in doubles as `solve` does.
 *
 * @throws {ArgumentError} for arguments that make no sense, events among them, {RegistryError} for unknown names, {SolveError} if the
 * solve cannot go on. Nothing stays alive then.
 */
export function tangent<const S extends OdeState, A = undefined>(
  f: NoInfer<VectorFieldFunction<S, A> | Model>,
  y0: S,
  ts: Times,
  options: TangentOptions<S, A>,
): OdeTangent<S, A> {
  const { direction, ...rest } = options;
  for (const name of ['events', 'dense', 'onFailure']) {
    if ((rest as Record<string, unknown>)[name] !== undefined) {
      throw new ArgumentError(`\`${name}\` has no tangents: leave it out here, or take \`solve\`.`);
    }
  }
  const structure = structureOf(y0);
  const parts = structure.flatten(y0, 'y0', (part) => part as Part);
  const along = alongOf<S, A>(direction, structure, parts);
  try {
    const { variables } = along;
    const field = fieldAlong<S>(f, structure, variables);
    const args = { args: rest.args, along: along.parameters, argsAlong: along.args };
    const options = { ...rest, ...stateAlone(rest, structure), args };
    // Parts are tensors, or all in doubles, as those of y0 are.
    return of<S, A>(
      structure,
      solve(field, [...parts, ...along.y0] as Tensor[], ts, options as OdeOptions<TangentArgs>),
    );
  } finally {
    if (direction.y0 === undefined) disposeTensors(along.y0);
  }
}

/** The halves of the solution of a tangent field, in the structure of the state. */
function of<S, A>(structure: Structure<S>, solution: OdeSolution<Tensor[], TangentArgs>): OdeTangent<S, A> {
  const both = solution.ys as readonly Tensor[];
  const count = both.length / 2;
  const halves = [both.slice(0, count), both.slice(count)] as const;
  return {
    ts: solution.ts,
    ys: structure.unflatten(halves[0]),
    tangents: structure.unflatten(halves[1]),
    stats: solution.stats,
    solver: solution.solver,
    gradient: solution.gradient,
    engine: solution.engine,
    pullback(cotangents) {
      const zeros = new Set<Part>();
      const taken = [cotangents.ys, cotangents.tangents].flatMap((half, i) =>
        half === undefined
          ? halves[i]!.map((part) => {
              const zero = zeroLike(part);
              zeros.add(zero);
              return zero;
            })
          : structure.flatten(half, i === 0 ? 'ys' : 'tangents', (part) => part as Part),
      );
      try {
        const { y0, args, ...others } = solution.pullback(taken as Tensor[]);
        const parts = y0 as readonly Tensor[];
        const { args: own, ...directions } = args as unknown as Readonly<Record<string, unknown>>;
        disposeTensors(parts.slice(count));
        disposeTensors(Object.values(directions));
        const gradient = { ...others, y0: structure.unflatten(parts.slice(0, count)), args: own };
        return gradient as unknown as OdeGradient<S, A>;
      } finally {
        disposeTensors([...zeros]);
      }
    },
    dispose: () => {
      solution.dispose();
    },
  };
}
