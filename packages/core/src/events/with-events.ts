import { ArgumentError } from '../arguments/errors.ts';
import { createLedger } from '../memory/ledger.ts';
import { createMemory } from '../memory/memory.ts';
import { drain } from '../stepping/progress.ts';
import {
  createParts,
  keepAll,
  type Course,
  type Parts,
  type ShareOut,
  type SolveBySteps,
  type Solved,
} from './parts.ts';
import { checkPoints, denseParts } from './dense-parts.ts';
import { pullBackParts } from './pull-back-parts.ts';
import { checkEvents, offsetOf, startOf, type Start } from './stretch.ts';
import type { Method, Problem, Solution } from '../types/problem.ts';
import type { State } from '../types/engine.ts';
import type { Steps } from '../types/progress.ts';

/** Of a strategy that keeps to budgets: that of a solve, if there is one, and how it is shared out. */
export interface Budgets {
  readonly shareOut: ShareOut | undefined;
  budgetOf(method: Method): number | undefined;
}

/**
 * Serves `Problem.events`: a solve for each part between two jumps, and the same backward. What is known while stepping alone (where
 * something happened) is put down once; the parts are ordinary solves.
 */
export function withEvents(solveBySteps: SolveBySteps, budgets: Budgets | false): SolveBySteps {
  // From JavaScript anything may come; the solve checks it.
  return (problem, method) =>
    (problem as typeof problem | null)?.events?.length
      ? solveParts(solveBySteps, problem, method, budgets)
      : solveBySteps(problem, method);
}

function* solveParts<A>(
  solveBySteps: SolveBySteps,
  problem: Problem<A>,
  given: Method,
  budgets: Budgets | false,
): Steps<A, Solution<A>> {
  if (problem.rows) throw new ArgumentError('Events do not go with `rows`; leave one of the two out.');
  const { ts, y0, field, events = [] } = problem;
  const ledger = given.ledger ?? createLedger();
  const memory = createMemory(field.engine, ledger);
  const parts = createParts(solveBySteps, problem, { ...given, ledger }, memory);
  const course = courseOf(parts, budgets && budgets.budgetOf(given), budgets && budgets.shareOut);
  const { stretches, entries, release } = parts;
  let isWhole = false;
  try {
    let start: Start<A> | undefined = startOf(ts[0]!, y0);
    while (start) start = settle(parts, yield* course.next(start));
    isWhole = true;
  } finally {
    if (!isWhole) release();
  }

  const ys: State<A>[] = [];
  let first = 0;
  for (const { start, solution } of stretches) {
    const from = problem.steps ? first : offsetOf(start);
    solution.ys.forEach((y, i) => {
      if (problem.steps || i > 0 || start.h === undefined) ys[i + from] = y;
    });
    first += solution.ys.length;
  }
  const { failed } = stretches.at(-1)!.solution;
  const last = entries.at(-1);
  const isStopped = last !== undefined && events[last.event]!.then === 'stop';
  const read = stretches.flatMap(({ solution }) => solution.between);
  const pullbackBySteps: NonNullable<Solution<A>['pullbackBySteps']> = (cotangents, within = {}) => {
    checkCounts(cotangents, ys.length, 'cotangents');
    checkCounts(within.between, read.length, 'between');
    checkCounts(within.events, entries.length, 'events');
    checkPoints(parts, within.points);
    return pullBackParts(parts, course, cotangents, within);
  };
  return {
    ts: problem.steps ? stretches.flatMap(({ solution }) => solution.ts) : ts.slice(0, ys.length),
    ys,
    between: read,
    rows: [],
    events: entries,
    status: failed?.error.code ?? (isStopped ? 'event' : 'end'),
    failed,
    ...(problem.dense && denseParts(parts)),
    stats: ledger,
    pullbackBySteps,
    pullback: (cotangents, within) => drain(pullbackBySteps(cotangents, within)),
    release,
  };
}

function courseOf<A>(
  parts: Parts<A>,
  budget: number | undefined | false,
  shareOut: ShareOut | undefined | false,
): Course<A> {
  if (budget === undefined || budget === false) return keepAll(parts);
  if (shareOut) return shareOut(parts, budget);
  throw new ArgumentError('This gradient strategy keeps to a budget, but not over events. Take `auto`.');
}

/** Puts down what ended a part; gives where the next one begins, if one does. */
function settle<A>(
  { problem, memory, entries, counts }: Parts<A>,
  { stretch, fired, attempted, taken }: Solved<A>,
): Start<A> | undefined {
  const { ended } = stretch.solution;
  if (!ended) return undefined;
  const { ts, between = [], events = [] } = problem;
  const { t, rate, h } = ended;
  let { y } = ended;
  for (const index of fired) {
    const event = events[index]!;
    const { then } = event;
    counts[index]! += 1;
    const after = typeof then === 'string' ? y : memory.hold(memory.adoptState(then.evaluate(t, y)));
    stretch.ending.push(entries.length);
    entries.push({ event: index, t, before: y, after, rate });
    y = after;
    if (then === 'stop') return undefined;
    if (then !== 'record') checkEvents(problem, counts, event, t);
  }
  const sign = Math.sign(ts.at(-1)! - ts[0]!);
  const next = (times: readonly number[]): number => {
    const i = times.findIndex((time) => sign * (time - t) > 0);
    return i < 0 ? times.length : i;
  };
  const output = next(ts);
  return output === ts.length ? undefined : { t, y, h, output, between: next(between), attempted, taken };
}

function checkCounts(list: readonly unknown[] | undefined, count: number, name: string): void {
  if (!list || list.length === count) return;
  throw new ArgumentError(
    `\`${name}\` must have ${count} entries, one for each that was reached, not ${list.length}.`,
  );
}
