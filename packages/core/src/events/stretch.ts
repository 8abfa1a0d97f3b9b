import { SolveError } from '../arguments/errors.ts';
import { isCounted, isFixed } from '../stepping/pace.ts';
import type { Event } from '../types/event.ts';
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
  /** Attempted and accepted steps before. */
  readonly attempted: number;
  readonly taken: number;
}

/** Where a solve begins. */
export const startOf = <A>(t: number, y: State<A>): Start<A> => ({
  ...{ t, y, output: 0, between: 0 },
  ...{ h: undefined, attempted: 0, taken: 0 },
});

/** A solve from one jump to the next: one trajectory. */
export interface Stretch<A> {
  readonly start: Start<A>;
  /** What it gave; the way back too, as long as a budget has room for that. */
  readonly solution: Solution<A>;
  /** What happened within, and what ended it: several where conditions are zero together. */
  readonly recorded: readonly number[];
  readonly ending: number[];
}

/** The part of a problem from `start` on. */
export function problemFrom<A>(
  problem: Problem<A>,
  start: Start<A>,
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
    attempted: start.attempted,
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
export function methodFrom<A>(method: Method, { h, taken }: Start<A>): Method {
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

/** @throws {SolveError} `max-events` */
export function checkEvents<A>(
  { events = [], maxEvents = 1000 }: Problem<A>,
  counts: readonly number[],
  { name }: Event<A>,
  t: number,
): void {
  const jumps = counts.reduce((sum, count, i) => sum + (typeof events[i]!.then === 'string' ? 0 : count), 0);
  if (jumps <= maxEvents) return;
  throw new SolveError(
    'max-events',
    `More than ${maxEvents} jumps, the last by event '${name}'. Raise \`maxEvents\`, or stop where y comes to rest`,
    { t, h: 0, steps: jumps },
  );
}
