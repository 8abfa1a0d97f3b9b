import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs-core';
import { drain, type SolveError, type Statistics } from '@odegrad/core';
import { checkCall, type Call, type Times } from './arguments.ts';
import { hasDerivative } from '../tape/discrete.ts';
import {
  checkHappenings,
  type RunHappening,
  type OdeHappening,
  type OdeHappeningCotangent,
} from './happenings.ts';
import type { SolveOptions } from './options.ts';
import type { Part } from './parts.ts';
import { checkPoints, pointReader, type OdePoint, type PointTimes } from './points.ts';
import { allReads, eventReadsOf, readsOf, variablesOf } from './reads.ts';
import { runByTurns, type Run, type RunCotangents, type RunGradient } from './run.ts';
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
import type { Shape } from '../tape/shape.ts';
import type { OdeStatus, OdeStop } from './stopped.ts';
import { unhurried, type Turns } from './turns.ts';

/** A solve with its way back. It holds tensors until `dispose()`. */
export interface OdeSolution<S, A = undefined> {
  /** The times of `ys`. Where rows have times of their own, the first and the last of all. */
  readonly ts: readonly number[];
  /**
   * The states at `ts`, of the structure of y0, each part `[ts.length, ...shape]`; with `saveAt: 'end'` `[...shape]`, and where rows
   * have T times of their own `[T, ...shape]`.
   */
  readonly ys: LikeState<S>;
  /**
   * With `dense: true`, the state at any time from the first to the last, `[...shape]`, or at several, `[times, ...shape]`; and dy/dt of
   * the interpolant there. The caller owns the tensors.
   *
   * @throws {ArgumentError} outside, and without `dense`.
   */
  at(t: PointTimes): LikeState<S>;
  rate(t: PointTimes): LikeState<S>;
  /** What happened, in order: with `events`. It lives until `dispose()`. */
  readonly events: readonly OdeHappening<S>[];
  /**
   * Whether an event stopped the solve, or, with `onFailure: 'return'`, why it could not go on: `ts` and `ys` then end before, or at
   * that very time, and are never padded.
   */
  readonly status: OdeStatus;
  /** The error that a solve that could not go on would have thrown, and where it stopped. */
  readonly error: SolveError | undefined;
  readonly stopped: OdeStop<S> | undefined;
  /** Evaluations, steps and bytes so far; it goes on counting in `pullback`. */
  readonly stats: Statistics;
  /** Names of what ran. */
  readonly solver: string;
  readonly gradient: string;
  readonly engine: string;
  /**
   * Gradient of a loss whose derivatives with respect to `ys` are `cotangents`, and with respect to what was read of a dense solution, or
   * to the state where the solve `stopped`, those of `points`, and to what happened those of `events`; undefined for zero. May be
   * called again; the caller owns the tensors. For states in doubles all of it is in doubles: plain values.
   */
  pullback(
    cotangents: CotangentOf<S> | undefined,
    points?: readonly OdePoint<S>[],
    events?: readonly (OdeHappeningCotangent<S> | undefined)[],
  ): OdeGradient<S, A>;
  /**
   * The same in turns, as `solveAsync`; one at a time. Where it fails or is aborted, or the solution is disposed of meanwhile, it
   * rejects, and what was kept for `pullback` is gone.
   */
  pullbackAsync(...cotangents: Parameters<OdeSolution<S, A>['pullback']>): Promise<OdeGradient<S, A>>;
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
  /** ∂ℒ/∂ts, of its shape, where `ts` was given as a tensor. Of times by row those at which rows are read; the range of the solve stays. */
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
  options: SolveOptions<S, A> = {},
): OdeSolution<S, A> {
  const call = checkCall<S, A>(f, y0, ts, options);
  return call.args.releasedOnError(() => drain(solving<S, A, Part>(call)));
}

/** Cotangents as a run takes them. */
type Checked<S, A, P> = (
  ...cotangents: Parameters<OdeSolution<S, A>['pullback']>
) => [readonly P[] | undefined, RunCotangents<P>];

/** A checked solve: in one turn, or with `every` in turns. */
export function* solving<S, A, P extends Part>(call: Call<S, P>, every?: number): Turns<OdeSolution<S, A>> {
  const strategy = call.gradient();
  const reads = readsOf(call);
  const eventReads = eventReadsOf(call);
  const variables = variablesOf(call, allReads({ reads, eventReads }));
  const { args } = call;
  const parameters = [...new Set<Tensor>([...variables, ...args.parameters])];
  const missed = call.params ? {} : { isMissed: hasDerivative };
  const dependencies = { parameters, reads, eventReads, ...missed };
  const solved = yield* runByTurns(call, strategy, dependencies, every !== undefined);
  const { trajectories, happened, end } = kept(solved, call);
  const stop = solved.stopped;
  const events = happened.map(({ name, t, before, after }) => ({
    name,
    t,
    before: call.structure.unflatten(before),
    after: call.structure.unflatten(after),
  }));
  const checked: Checked<S, A, P> = (cotangents, points = [], cotangentsOfEvents) => [
    checkCotangents(cotangents, call, solved.leading),
    {
      points: checkPoints(points, call, stop?.t),
      ...(cotangentsOfEvents && { events: checkHappenings(cotangentsOfEvents, events, call) }),
    },
  ];
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
    ts: solved.ts,
    at: pointReader(call, solved, 'at'),
    rate: pointReader(call, solved, 'rate'),
    ys: call.structure.unflatten(trajectories),
    events,
    status: solved.status,
    error: stop?.error,
    stopped: stop && { t: stop.t, y: call.structure.unflatten(end) },
    stats: solved.stats,
    solver: call.method.solver.name,
    gradient: strategy.name,
    engine: solved.engine,
    pullback: (...cotangents) => named(solved.pullback(...checked(...cotangents))),
    async pullbackAsync(...cotangents) {
      return named(await unhurried(solved.pullbackByTurns(...checked(...cotangents)), every));
    },
    dispose() {
      call.kind.dispose([...trajectories, ...end]);
      for (const { before, after } of happened) call.kind.dispose([...before, ...after]);
      solved.release();
      args.release();
    },
  };
}

/** What the solution holds. */
function kept<S, P extends Part>(
  solved: Run<P>,
  { kind }: Call<S, P>,
): { readonly trajectories: P[]; readonly happened: readonly RunHappening<P>[]; readonly end: readonly P[] } {
  try {
    const trajectories = kind.keep(solved.trajectories());
    const happened = solved.happened();
    for (const { before, after } of happened) kind.keep([...before, ...after]);
    const end = kind.keep(solved.stopped?.y() ?? []);
    return { trajectories, happened, end };
  } catch (error) {
    solved.release();
    throw error;
  }
}

function checkCotangents<S, P extends Part>(
  cotangents: CotangentOf<S> | undefined,
  { structure, kind, y0 }: Call<S, P>,
  leading: Shape,
): P[] | undefined {
  if (cotangents === undefined) return undefined;
  return structure.flatten(cotangents, 'cotangents', (part, name, i) =>
    kind.cotangent(part, name, [...leading, ...y0[i]!.shape]),
  );
}
