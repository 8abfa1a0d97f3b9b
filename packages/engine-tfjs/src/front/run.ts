import {
  drain,
  type GradientStrategy,
  type HappeningCotangents,
  type PointCotangent,
  type Solution,
  type State,
  type Statistics,
} from '@odegrad/core';
import type { Call } from './arguments.ts';
import { enter, type Entered, type Parameters } from './entered.ts';
import type { FieldEngine } from '../eager/field-engine.ts';
import { happenedIn, happeningCotangents, type RunHappening } from './happenings.ts';
import { outputsOf, type Outputs } from './outputs.ts';
import type { Part, PartPort } from './parts.ts';
import { allReads, environmentOfCall } from './reads.ts';
import type { Environment } from '../tape/environment.ts';
import type { Shape } from '../tape/shape.ts';
import { isolated } from '../tape/tape.ts';
import { stopOf, type OdeStatus, type RunStop } from './stopped.ts';
import { offTape, type Turns } from './turns.ts';

/** A finished forward pass, in the user's kind of parts. Its arrays live until `release()`. */
export interface Run<P> {
  /** The name of the engine that ran it. */
  readonly engine: string;
  readonly stats: Statistics;
  /** The times of the trajectories. */
  readonly ts: readonly number[];
  /** The first dimensions of trajectories, before those of a state. */
  readonly leading: Shape;
  /** The trajectory of each part. The caller owns them. */
  trajectories(): P[];
  /** The state at times of a dense solution, or its rate, as trajectories; at one time without a first dimension. */
  read(what: 'at' | 'rate', t: number | readonly number[]): P[];
  /** What happened, in order. The caller owns the states. */
  happened(): readonly RunHappening<P>[];
  readonly status: OdeStatus;
  /** Where it stopped before its end, if it did. */
  readonly stopped: RunStop<P> | undefined;
  /** Pulls cotangents of the trajectories back, undefined for zero. May be called again; the caller owns the result. */
  pullback(cotangents: readonly P[] | undefined, more?: RunCotangents<P>): RunGradient<P>;
  /** The same, pausing after steps where the strategy can. */
  pullbackByTurns(cotangents: readonly P[] | undefined, more?: RunCotangents<P>): Turns<RunGradient<P>>;
  /** Frees what was kept. May be called again. */
  release(): void;
  /** Runs `body` while what f reads has the values that it had in this run. */
  within<T>(body: () => T): T;
}

/** Cotangents of what is no trajectory. */
export interface RunCotangents<P> {
  readonly points?: readonly RunPoint<P>[];
  readonly events?: readonly (HappeningCotangents<P> | undefined)[];
}

/** The cotangents of what `read` gave. */
export interface RunPoint<P> {
  readonly t: number | readonly number[];
  readonly cotangent: readonly P[];
  readonly rate: boolean;
}

/** Gradient of a loss of the trajectories. */
export interface RunGradient<P> {
  readonly y0: readonly P[];
  readonly parameters: readonly P[];
  /** Where the times came as a tensor. */
  readonly ts: P | undefined;
  /** Where the jumps did. */
  readonly jumpAt: P | undefined;
}

/**
 * Runs the forward pass of `call` with `strategy`, on no tape but its own. Leaves nothing if it throws. What f reads has the
 * values of this moment until the run is released.
 */
export function run<S, P extends Part>(
  call: Call<S, P>,
  strategy: GradientStrategy,
  parameters: Parameters,
): Run<P> {
  return drain(runByTurns(call, strategy, parameters, false));
}

/** The same in turns, if it `pauses`, and the strategy can: after steps. The moment is its first turn. */
export function* runByTurns<S, P extends Part>(
  call: Call<S, P>,
  strategy: GradientStrategy,
  parameters: Parameters,
  pauses: boolean,
): Turns<Run<P>> {
  const environment = environmentOfCall(call, allReads(parameters));
  let solved: Run<P> | undefined;
  try {
    return (solved = yield* offTape(runOn(call.engine, call, strategy, parameters, environment, pauses)));
  } finally {
    if (!solved) environment.release();
  }
}

function* runOn<A, S, P extends Part>(
  provider: FieldEngine<A>,
  call: Call<S, P>,
  strategy: GradientStrategy,
  parameters: Parameters,
  environment: Environment,
  pauses: boolean,
): Turns<Run<P>> {
  const outputs = outputsOf(call, strategy);
  const entered = enter(provider, call, outputs, parameters, environment);
  const { problem, method, port, shapes, ranOn } = entered;
  let solution: Solution<A> | undefined;
  try {
    solution =
      pauses && strategy.solveBySteps
        ? yield* strategy.solveBySteps(problem, method)
        : strategy.solve(problem, method);
  } finally {
    if (!solution) entered.release();
  }
  const pull = (
    cotangents: readonly P[] | undefined,
    more: RunCotangents<P>,
    byTurns: boolean,
  ): Turns<RunGradient<P>> =>
    offTape(pullBack(entered, outputs, solution, { call, ...parameters, cotangents, more, byTurns }));
  let released = false;
  return {
    engine: ranOn,
    stats: solution.stats,
    ts: outputs.times(solution),
    leading: outputs.leading(solution),
    trajectories: () => isolated(() => outputs.trajectories(port, solution, shapes)),
    happened: () => isolated(() => happenedIn(entered, solution, call.events)),
    status: solution.failed?.error.code ?? solution.status ?? 'end',
    stopped: stopOf(solution.failed, (y) => isolated(() => y.map((x, i) => port.leave(x, shapes[i]!)))),
    read: (what, t) => isolated(() => readPoints(entered, solution[what]!, t)),
    pullback: (cotangents, more = {}) => drain(pull(cotangents, more, false)),
    pullbackByTurns: (cotangents, more = {}) => pull(cotangents, more, true),
    release() {
      if (released) return;
      released = true;
      solution.release();
      entered.release();
      environment.release();
    },
    within: environment.within,
  };
}

interface Pulled<S, P extends Part> extends Parameters {
  readonly call: Call<S, P>;
  readonly cotangents: readonly P[] | undefined;
  readonly more: RunCotangents<P>;
  readonly byTurns: boolean;
}

function readPoints<A, P extends Part>(
  { port, shapes, releaseState }: Entered<A, P>,
  reader: (t: number) => State<A>,
  t: number | readonly number[],
): P[] {
  const states: State<A>[] = [];
  try {
    for (const at of typeof t === 'number' ? [t] : t) states.push(reader(at));
    return typeof t === 'number'
      ? states[0]!.map((x, i) => port.leave(x, shapes[i]!))
      : port.trajectories(states, shapes);
  } finally {
    states.forEach(releaseState);
  }
}

/** The cotangents of points one by one. Their arrays are new. */
function pointsOf<A, P>(port: PartPort<A, P>, points: readonly RunPoint<P>[]): readonly PointCotangent<A>[] {
  return points.flatMap(({ t, cotangent, rate }) => {
    if (typeof t === 'number') return [{ t, cotangent: cotangent.map(port.enter), rate }];
    return port.cotangents(cotangent).map((state, i) => ({ t: t[i]!, cotangent: state, rate }));
  });
}

function* pullBack<A, S, P extends Part>(
  { port, shapes, releaseState }: Entered<A, P>,
  outputs: Outputs,
  solution: Solution<A>,
  { call, parameters, cotangents, more, byTurns }: Pulled<S, P>,
): Turns<RunGradient<P>> {
  const { kind, timesTensor, stops } = call;
  const { ys, read } = cotangents
    ? outputs.cotangents(port, solution, cotangents)
    : { ys: solution.ts.map(() => undefined), read: {} };
  const points = pointsOf(port, more.points ?? []);
  const events = happeningCotangents(port, more.events);
  const within = {
    ...read,
    // Of what is not dense nothing is read but where it stopped.
    ...(points.length > 0 && (call.saved.dense ? { points } : { end: points[0]!.cotangent })),
    ...(events.length > 0 && { events }),
  };
  try {
    const gradient =
      byTurns && solution.pullbackBySteps
        ? yield* solution.pullbackBySteps(ys, within)
        : solution.pullback(ys, within);
    // A tidy that is open in the last turn is nobody's.
    const given = (part: P): P => (byTurns ? kind.keep([part])[0]! : part);
    const leave = (x: A, shape: Shape): P => given(port.leave(x, shape));
    const parts = {
      y0: gradient.y0.map((x, i) => leave(x, shapes[i]!)),
      parameters: gradient.parameters.map((x, i) => leave(x, parameters[i]!.shape)),
      ts: timesTensor && given(outputs.timeGradient(kind, gradient)),
      jumpAt: stops.jumpsTensor && given(outputs.jumpGradient(kind, gradient)),
    };
    releaseState(gradient.y0);
    releaseState(gradient.parameters);
    return parts;
  } finally {
    const lists = [
      ys,
      read.between ?? [],
      read.rows ?? [],
      points.map(({ cotangent }) => cotangent),
      events.flatMap((event) => [event?.before, event?.after]),
    ];
    for (const state of lists.flat()) if (state) releaseState(state);
  }
}
