import { scalar, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, checkOptions, forward, SolveError, type Rules } from '@odegrad/core';
import { checkCall, type Call, type Times } from './arguments.ts';
import { EVENT_RULES, type OdeEvent } from './events.ts';
import { differentiable, onTape } from './on-tape.ts';
import type { OdeOptions } from './options.ts';
import { RULES } from './resolve-options.ts';
import { run, type Run } from './run.ts';
import { checkStatesAlone } from './saved.ts';
import type { LikeState, Model, OdeState, VectorFieldFunction } from './state.ts';
import { isTapeOn } from '../tape/tape.ts';

/** How a problem is solved up to an event. */
export interface OdeEventOptions<S, A = undefined> extends OdeOptions<A> {
  /** What ends it. */
  readonly event: Omit<OdeEvent<S, A>, 'then' | 'atMost'>;
}

/** Where an event was met. */
export interface OdeEventResult<S> {
  /** The time; in float32, as tensors are. */
  readonly t: Scalar;
  /** The state there, `[...shape]`. */
  readonly y: LikeState<S>;
  /** The states at those of `ts` that come before, `[T, ...shape]`. */
  readonly ys: LikeState<S>;
}

const { events: record, maxEvents: _, ...others } = RULES;
const ACCEPTED: Rules = { ...others, event: record };
const { then: __, atMost: ___, ...EVENT_ACCEPTED } = EVENT_RULES;

/**
 * Solves dy/dt = f(t, y, args), y(ts[0]) = y0, up to the first time at which `event.when` changes its sign, before the last of `ts`.
 * Inside tf.grads, tf.variableGrads or optimizer.minimize the results are differentiable as those of `odeint`, and in what
 * `event.when` reads; the time is too.
 *
 * @throws {ArgumentError} for arguments that make no sense and states in doubles, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on, `no-event` where it comes to the last of `ts`. Nothing stays alive then.
 */
export function odeintEvent<const S extends OdeState, A = undefined>(
  f: NoInfer<VectorFieldFunction<S, A> | Model>,
  y0: S,
  ts: Times,
  options: OdeEventOptions<S, A>,
): OdeEventResult<S> {
  checkOptions('odeintEvent', options, ACCEPTED);
  const { event, ...more } = options;
  if ((event as unknown) === undefined)
    throw new ArgumentError(
      'odeintEvent needs `event`: { when: (t, y) => … }, whose sign says where to stop.',
    );
  checkOptions('event', event, EVENT_ACCEPTED);
  const call = checkCall<S, A>(f, y0, ts, { ...more, events: { event: { ...event, then: 'stop' } } });
  return call.args.releasedOnError(() => {
    checkStatesAlone(call.saved, [], call.method.onFailure);
    const whole = onTape(call);
    const results = isTapeOn()
      ? differentiable(whole, readout(whole), 'second derivatives up to an event are not implemented.')
      : plain(whole);
    const count = call.y0.length;
    return {
      t: results[0] as Scalar,
      y: call.structure.unflatten(results.slice(1, 1 + count)),
      ys: call.structure.unflatten(results.slice(1 + count)),
    };
  });
}

function readout<S>({ y0, ts }: Call<S, Tensor>): Parameters<typeof differentiable>[1] {
  return {
    results: (solved) => resultsOf(solved, ts),
    cotangents: ([t, ...others]) => [
      others.slice(y0.length),
      { events: [{ t: t!.dataSync()[0]!, before: others.slice(0, y0.length), after: undefined }] },
    ],
  };
}

/** The time, the state there and the trajectories, one after the other. */
function resultsOf(solved: Run<Tensor>, ts: readonly number[]): Tensor[] {
  const [happened] = solved.happened();
  if (!happened)
    throw new SolveError('no-event', 'The condition keeps its sign. Go on further, or look at it', {
      t: ts.at(-1)!,
      h: 0,
      steps: solved.stats.accepted,
    });
  return [scalar(happened.t), ...happened.before, ...solved.trajectories()];
}

function plain<S>(call: Call<S, Tensor>): Tensor[] {
  const solved = run(call, forward, { parameters: [] });
  try {
    return resultsOf(solved, call.ts);
  } finally {
    solved.release();
    call.args.release();
  }
}
