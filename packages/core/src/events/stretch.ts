import { SolveError } from '../arguments/errors.ts';
import { combineStates } from '../memory/state.ts';
import type { Memory } from '../memory/memory.ts';
import { isCounted, isFixed } from '../stepping/pace.ts';
import { createDetector, isNearZero, type Crossing } from './detect.ts';
import type { Entry } from './pull-back.ts';
import type { Event, ObservedStep } from '../types/event.ts';
import type { Method, Problem, Solution } from '../types/problem.ts';
import type { State } from '../types/engine.ts';

/** Where a solve begins, or goes on after a jump. */
export interface Start<A> {
  readonly t: number;
  readonly y: State<A>;
  /** The first of `ts`, and of `between`, that is still to come. */
  readonly output: number;
  readonly between: number;
  /** The size of the step before. */
  readonly h: number | undefined;
}

/** A solve from one jump to the next: one trajectory. */
export interface Stretch<A> {
  readonly start: Start<A>;
  readonly solution: Solution<A>;
  /** What happened within, and what ended it: several where conditions are zero together. */
  readonly recorded: readonly number[];
  readonly ending: readonly number[];
}

/** The part of a problem from `start` on, after so many attempts. */
export function problemFrom<A>(
  problem: Problem<A>,
  start: Start<A>,
  attempted: number,
  ending: NonNullable<Problem<A>['ending']>,
): Problem<A> {
  const { events: _, maxEvents: __, ts, knots, between, timeGradients = false, ...rest } = problem;
  const isFirst = start.h === undefined;
  const offset = offsetOf(start);
  const here = [...(knots ?? [])].flatMap(([i, knot]) =>
    i >= start.output ? [[i - offset, knot] as const] : [],
  );
  const atStart = knots?.get(offset);
  // A jump of f where the solve goes on is one that it has passed.
  if (!isFirst && ts[offset] === start.t && atStart?.jump) here.push([0, atStart]);
  const remaining = between?.slice(start.between);
  return {
    ...rest,
    y0: start.y,
    ts: timesFrom(problem, start),
    ...(here.length > 0 && { knots: new Map(here) }),
    ...(remaining?.length && { between: remaining }),
    ...(!isFirst && { resumedFrom: countedBefore(problem, start.output) }),
    // What is before a jump moves what is after it.
    timeGradients: timeGradients || !isFirst,
    attempted,
    ending,
  };
}

/** The output times of the part, and where it begins. */
function timesFrom<A>({ ts }: Pick<Problem<A>, 'ts'>, { t, h, output }: Start<A>): readonly number[] {
  return h === undefined ? ts : [t, ...ts.slice(output)];
}

/** What is added to an index of the part's times for one of the problem's. */
export function offsetOf({ h, output }: Pick<Start<unknown>, 'h' | 'output'>): number {
  return h === undefined ? 0 : output - 1;
}

/** The time before output `index` from which steps of constant size are counted. */
function countedBefore<A>(problem: Problem<A>, index: number): number {
  let i = index - 1;
  while (i > 0 && !isCounted(problem, i)) i -= 1;
  return problem.ts[i]!;
}

/** The method for the next part: steps of the size that they had. */
export function methodFrom<A>(method: Method, { h }: Start<A>, taken: number): Method {
  const { stepping, onStep } = method;
  // The last one may have been cut.
  const firstStep = (minStep = 0): number => Math.max(minStep, Math.abs(h!));
  return {
    ...method,
    ...(h !== undefined &&
      !isFixed(stepping) && { stepping: { ...stepping, firstStep: firstStep(stepping.minStep) } }),
    ...(onStep &&
      taken > 0 && {
        onStep: (progress) => {
          const { phase, t, h: size, steps } = progress;
          onStep({
            phase,
            t,
            h: size,
            steps: phase === 'forward' ? steps + taken : steps,
            get norm() {
              return progress.norm;
            },
          });
        },
      }),
  };
}

/** Somebody who looks at the steps of one part. */
interface Observer<A> {
  /** Indices of the entries put down. */
  readonly recorded: readonly number[];
  /** The events that ended the part, in their order. */
  readonly fired: readonly number[];
  ending(step: ObservedStep<A>): number | undefined;
}

/** Looks at the steps of one part: puts down what is recorded, and says where the part ends, and by what. */
export function createObserver<A>(
  memory: Memory<A>,
  events: readonly Event<A>[],
  entries: Entry<A>[],
  counts: number[],
): Observer<A> {
  const isActive = (index: number): boolean => counts[index]! < (events[index]!.atMost ?? Infinity);
  const detector = createDetector(memory, events, isActive);
  const recorded: number[] = [];
  let fired: readonly number[] = [];
  const copy = (y: State<A>): State<A> =>
    memory.hold(combineStates(memory.engine, undefined, [{ coefficient: 1, value: y }]));
  const record = ({ event, t }: Crossing, step: ObservedStep<A>): void => {
    counts[event]! += 1;
    const y = memory.scope(() => copy(step.at(t)));
    recorded.push(entries.length);
    entries.push({ event, t, before: y, after: y, rate: memory.scope(() => copy(step.rate(t))) });
  };
  return {
    recorded,
    get fired() {
      return fired;
    },
    ending(step: ObservedStep<A>): number | undefined {
      const crossings = detector.crossings(step);
      for (const [i, crossing] of crossings.entries()) {
        const { event, t } = crossing;
        if (!isActive(event)) continue;
        if (events[event]!.then === 'record') {
          record(crossing, step);
          continue;
        }
        const there = { t, y: step.at(t), rate: step.rate(t) };
        const together = crossings
          .slice(i + 1)
          .filter((other) => other.event !== event && isActive(other.event))
          .filter((other) => isNearZero(memory, events[other.event]!, there))
          .map((other) => other.event);
        fired = [event, ...new Set(together)];
        return t;
      }
      return undefined;
    },
  };
}

/** @throws {SolveError} `max-events` */
export function checkEvents<A>(problem: Problem<A>, happened: number, { name }: Event<A>, t: number): void {
  const { maxEvents = 1000 } = problem;
  if (happened <= maxEvents) return;
  throw new SolveError(
    'max-events',
    `More than ${maxEvents} jumps, the last by event '${name}'. Raise \`maxEvents\`, or stop where y comes to rest`,
    { t, h: 0, steps: happened },
  );
}
