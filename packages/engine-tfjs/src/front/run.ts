import { drain, type GradientStrategy, type Solution, type Statistics } from '@odegrad/core';
import type { Call } from './arguments.ts';
import { enter, type Entered, type Parameters } from './entered.ts';
import type { FieldEngine } from '../eager/field-engine.ts';
import { outputTimes, type OutputTimes } from './output-times.ts';
import type { Part } from './parts.ts';
import { environmentOfCall } from './reads.ts';
import type { Environment } from '../tape/environment.ts';
import type { Shape } from '../tape/shape.ts';
import { isolated } from '../tape/tape.ts';
import { offTape, type Turns } from './turns.ts';

/** A finished forward pass, in the user's kind of parts. Its arrays live until `release()`. */
export interface Run<P> {
  /** The name of the engine that ran it. */
  readonly engine: string;
  readonly stats: Statistics;
  /** The trajectory of each part, `[ts.length, ...shape]`. The caller owns them. */
  trajectories(): P[];
  /** Pulls cotangents of the trajectories back. May be called again; the caller owns the result. */
  pullback(cotangents: readonly P[]): RunGradient<P>;
  /** The same, pausing after steps where the strategy can. */
  pullbackByTurns(cotangents: readonly P[]): Turns<RunGradient<P>>;
  /** Frees what was kept. May be called again. */
  release(): void;
  /** Runs `body` while what f reads has the values that it had in this run. */
  within<T>(body: () => T): T;
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
  const environment = environmentOfCall(call, parameters.reads ?? []);
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
  const { ts, outputs, stops } = call;
  const times = outputTimes(ts, outputs, call.method, strategy, stops);
  const entered = enter(provider, call, times, parameters, environment);
  const { problem, method, port, shapes, ranOn, releaseState } = entered;
  let solution: Solution<A> | undefined;
  try {
    solution =
      pauses && strategy.solveBySteps
        ? yield* strategy.solveBySteps(problem, method)
        : strategy.solve(problem, method);
  } finally {
    if (!solution) releaseState(problem.y0);
  }
  const { ys, between, stats } = solution;
  const pull = (cotangents: readonly P[], byTurns: boolean): Turns<RunGradient<P>> =>
    offTape(pullBack(entered, times, solution, { call, ...parameters, cotangents, byTurns }));
  let released = false;
  return {
    engine: ranOn,
    stats,
    trajectories: () => isolated(() => port.trajectories(times.merge(ys, between), shapes)),
    pullback: (cotangents) => drain(pull(cotangents, false)),
    pullbackByTurns: (cotangents) => pull(cotangents, true),
    release() {
      if (released) return;
      released = true;
      solution.release();
      releaseState(problem.y0);
      environment.release();
    },
    within: environment.within,
  };
}

interface Pulled<S, P extends Part> extends Parameters {
  readonly call: Call<S, P>;
  readonly cotangents: readonly P[];
  readonly byTurns: boolean;
}

function* pullBack<A, S, P extends Part>(
  { port, shapes, releaseState }: Entered<A, P>,
  times: OutputTimes,
  solution: Solution<A>,
  { call, parameters, cotangents, byTurns }: Pulled<S, P>,
): Turns<RunGradient<P>> {
  const { kind, timesTensor, stops } = call;
  const states = port.cotangents(cotangents);
  try {
    const { atLandings, between } = times.split(states);
    const gradient =
      byTurns && solution.pullbackBySteps
        ? yield* solution.pullbackBySteps(atLandings, { between })
        : solution.pullback(atLandings, { between });
    // A tidy that is open in the last turn is nobody's.
    const given = (part: P): P => (byTurns ? kind.keep([part])[0]! : part);
    const leave = (x: A, shape: Shape): P => given(port.leave(x, shape));
    const parts = {
      y0: gradient.y0.map((x, i) => leave(x, shapes[i]!)),
      parameters: gradient.parameters.map((x, i) => leave(x, parameters[i]!.shape)),
      ts: timesTensor && given(kind.vector(times.merge(gradient.ts, gradient.between ?? []))),
      jumpAt: stops.jumpsTensor && given(kind.vector(times.jumps(gradient.ts))),
    };
    releaseState(gradient.y0);
    releaseState(gradient.parameters);
    return parts;
  } finally {
    states.forEach(releaseState);
  }
}
