import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs-core';
import { drain, type Statistics } from '@odegrad/core';
import { checkCall, type Call, type Times } from './arguments.ts';
import { hasDerivative } from '../tape/discrete.ts';
import type { OdeOptions } from './options.ts';
import type { Part } from './parts.ts';
import { readsOf, variablesOf } from './reads.ts';
import { runByTurns, type Run, type RunGradient } from './run.ts';
import type {
  ArgGradients,
  CotangentOf,
  Float64Tensor,
  LikeState,
  Model,
  OdeState,
  PartOf,
  VectorFieldFunction,
} from './state.ts';
import { unhurried, type Turns } from './turns.ts';

/** A solve with its way back. It holds tensors until `dispose()`. */
export interface OdeSolution<S, A = undefined> {
  readonly ts: readonly number[];
  /** The states at `ts`, of the structure of y0, each part `[ts.length, ...shape]`. */
  readonly ys: LikeState<S>;
  /** Evaluations, steps and bytes so far; it goes on counting in `pullback`. */
  readonly stats: Statistics;
  /** Names of what ran. */
  readonly solver: string;
  readonly gradient: string;
  readonly engine: string;
  /**
   * Gradient of a loss whose derivatives with respect to `ys` are `cotangents`. May be called again; the
   * caller owns the tensors. For states in doubles all of it is in doubles: plain values.
   */
  pullback(cotangents: CotangentOf<S>): OdeGradient<S, A>;
  /**
   * The same in turns, as `solveAsync`; one at a time. Where it fails or is aborted, or the solution is disposed of meanwhile, it
   * rejects, and what was kept for `pullback` is gone.
   */
  pullbackAsync(cotangents: CotangentOf<S>): Promise<OdeGradient<S, A>>;
  /** Frees `ys` and what was kept for `pullback`. May be called again. */
  dispose(): void;
}

/** Gradient of a loss through a solve. */
export interface OdeGradient<S, A = undefined> {
  readonly y0: LikeState<S>;
  /**
   * By variable name, as `optimizer.applyGradients` takes them where they are tensors. Zeros for parameters
   * that f does not use.
   */
  readonly parameters: PartOf<S> extends Tensor ? NamedTensorMap : Readonly<Record<string, Float64Tensor>>;
  /** Of the structure of `args`; of a tensor that is in there twice, the sum of both in both places. */
  readonly args: ArgGradients<A, PartOf<S>>;
  /** ∂ℒ/∂ts, `[ts.length]`, where `ts` was given as a tensor. */
  readonly ts?: PartOf<S>;
  /** ∂ℒ/∂jumpAt, where `jumpAt` was given as a tensor; 0 for jumps outside `ts`. */
  readonly jumpAt?: PartOf<S>;
}

/**
 * Solves dy/dt = f(t, y, args), y(ts[0]) = y0, like `odeint`, and returns the solution with its statistics and its
 * pullback. No tape is needed, and none is used; a surrounding `tf.tidy` frees nothing of it. States may be in
 * doubles where the engine has float64; `ys` and gradients are then Float64Tensors.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export function solve<const S extends OdeState, A = undefined>(
  f: NoInfer<VectorFieldFunction<S, A> | Model>,
  y0: S,
  ts: Times,
  options: OdeOptions<A> = {},
): OdeSolution<S, A> {
  const call = checkCall<S, A>(f, y0, ts, options);
  return call.args.releasedOnError(() => drain(solving<S, A, Part>(call)));
}

/** A checked solve: in one turn, or with `every` in turns. */
export function* solving<S, A, P extends Part>(call: Call<S, P>, every?: number): Turns<OdeSolution<S, A>> {
  const strategy = call.gradient();
  const reads = readsOf(call);
  const variables = variablesOf(call, reads);
  const { args } = call;
  const parameters = [...new Set<Tensor>([...variables, ...args.parameters])];
  const missed = call.params ? {} : { isMissed: hasDerivative };
  const solved = yield* runByTurns(call, strategy, { parameters, reads, ...missed }, every !== undefined);
  const trajectories = kept(solved, call);
  const named = (gradient: RunGradient<P>): OdeGradient<S, A> => {
    const result = {
      y0: call.structure.unflatten(gradient.y0),
      parameters: Object.fromEntries(variables.map(({ name }, i) => [name, gradient.parameters[i]!])),
      args: args.unflatten((x) => gradient.parameters[parameters.indexOf(x)]),
      ...(gradient.ts ? { ts: gradient.ts } : {}),
      ...(gradient.jumpAt ? { jumpAt: gradient.jumpAt } : {}),
    };
    // The kind of parts was told from y0, and so was S; args keep their structure.
    return result as unknown as OdeGradient<S, A>;
  };
  return {
    ts: call.ts,
    ys: call.structure.unflatten(trajectories),
    stats: solved.stats,
    solver: call.method.solver.name,
    gradient: strategy.name,
    engine: solved.engine,
    pullback: (cotangents) => named(solved.pullback(checkCotangents(cotangents, call))),
    async pullbackAsync(cotangents) {
      const gradient = await unhurried(solved.pullbackByTurns(checkCotangents(cotangents, call)), every);
      return named(gradient);
    },
    dispose() {
      call.kind.dispose(trajectories);
      solved.release();
      args.release();
    },
  };
}

function kept<S, P extends Part>(solved: Run<P>, { kind }: Call<S, P>): P[] {
  try {
    return kind.keep(solved.trajectories());
  } catch (error) {
    solved.release();
    throw error;
  }
}

function checkCotangents<S, P extends Part>(
  cotangents: CotangentOf<S>,
  { structure, kind, y0, ts }: Call<S, P>,
): P[] {
  return structure.flatten(cotangents, 'cotangents', (part, name, i) =>
    kind.cotangent(part, name, [ts.length, ...y0[i]!.shape]),
  );
}
