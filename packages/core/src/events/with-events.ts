import { ArgumentError } from '../arguments/errors.ts';
import { createLedger } from '../memory/ledger.ts';
import { createMemory, type Memory } from '../memory/memory.ts';
import { runningSum } from '../memory/running-sum.ts';
import { drain } from '../stepping/progress.ts';
import { pullBackJump, pullBackTime, total, type AtEvent, type Entry } from './pull-back.ts';
import {
  checkEvents,
  createObserver,
  methodFrom,
  offsetOf,
  problemFrom,
  type Start,
  type Stretch,
} from './stretch.ts';
import type {
  Gradient,
  Method,
  PointCotangent,
  Problem,
  ReadCotangents,
  Solution,
} from '../types/problem.ts';
import type { State } from '../types/engine.ts';
import type { Failure } from '../types/failure.ts';
import type { Steps } from '../types/progress.ts';

type SolveBySteps = <A>(problem: Problem<A>, method: Method) => Steps<A, Solution<A>>;

/**
 * Serves `Problem.events`: a solve for each part between two jumps, and the same backward. What is known while stepping alone (where
 * something happened) is put down once; the parts are ordinary solves.
 */
export function withEvents(solveBySteps: SolveBySteps): SolveBySteps {
  // From JavaScript anything may come; the solve checks it.
  return (problem, method) =>
    (problem as typeof problem | null)?.events?.length
      ? solveParts(solveBySteps, problem, method)
      : solveBySteps(problem, method);
}

/** A solve whose parts are known. */
interface Parts<A> {
  readonly problem: Problem<A>;
  readonly memory: Memory<A>;
  readonly stretches: readonly Stretch<A>[];
  readonly entries: readonly Entry<A>[];
}

function* solveParts<A>(
  solveBySteps: SolveBySteps,
  problem: Problem<A>,
  given: Method,
): Steps<A, Solution<A>> {
  for (const option of ['dense', 'steps', 'rows'] as const)
    if (problem[option])
      throw new ArgumentError(`Events do not go with \`${option}\`; leave one of the two out.`);
  if (given.maxBytes !== undefined)
    throw new ArgumentError(
      'Events do not go with `maxBytes`: into how many parts they cut a solve is not known before. Leave one of the two out; ' +
        "`gradient: 'binomial'` keeps a number of states for each part.",
    );
  const { events = [], ts, between = [], field } = problem;
  const ledger = given.ledger ?? createLedger();
  const method = { ...given, ledger };
  const memory = createMemory(field.engine, ledger);
  const stretches: Stretch<A>[] = [];
  const entries: Entry<A>[] = [];
  const counts = events.map(() => 0);
  const sign = Math.sign(ts.at(-1)! - ts[0]!);
  const before = { accepted: ledger.accepted, attempts: ledger.accepted + ledger.rejected };
  let isWhole = false;
  let status: Solution<A>['status'] = 'end';
  let failed: Failure<A> | undefined;
  let jumps = 0;
  const release = (): void => {
    for (const { solution } of stretches) solution.release();
    memory.releaseAll();
  };

  /** What ended a part, put down; and where the next one begins, if one does. */
  const settle = (
    { ended }: Solution<A>,
    fired: readonly number[],
    ending: number[],
  ): Start<A> | undefined => {
    if (!ended) return undefined;
    const { t, rate, h } = ended;
    let { y } = ended;
    for (const index of fired) {
      const event = events[index]!;
      const { then } = event;
      counts[index]! += 1;
      const after = typeof then === 'string' ? y : memory.hold(memory.adoptState(then.evaluate(t, y)));
      ending.push(entries.length);
      entries.push({ event: index, t, before: y, after, rate });
      y = after;
      if (then === 'stop') {
        status = 'event';
        return undefined;
      }
      if (then !== 'record') checkEvents(problem, ++jumps, event, t);
    }
    const next = (times: readonly number[]): number => {
      const i = times.findIndex((time) => sign * (time - t) > 0);
      return i < 0 ? times.length : i;
    };
    const output = next(ts);
    return output === ts.length ? undefined : { t, y, h, output, between: next(between) };
  };

  try {
    let start: Start<A> | undefined = { t: ts[0]!, y: problem.y0, output: 0, between: 0, h: undefined };
    while (start) {
      const observer = createObserver(memory, events, entries, counts);
      const attempts = ledger.accepted + ledger.rejected - before.attempts;
      const solution: Solution<A> = yield* solveBySteps(
        problemFrom(problem, start, attempts, observer.ending),
        methodFrom(method, start, ledger.accepted - before.accepted),
      );
      const ending: number[] = [];
      stretches.push({ start, solution, recorded: observer.recorded, ending });
      start = settle(solution, observer.fired, ending);
      failed = solution.failed;
    }
    isWhole = true;
  } finally {
    if (!isWhole) release();
  }

  const parts: Parts<A> = { problem, memory, stretches, entries };
  const ys: State<A>[] = [];
  for (const { start, solution } of stretches)
    solution.ys.forEach((y, i) => {
      if (i > 0 || start.h === undefined) ys[i + offsetOf(start)] = y;
    });
  const reached = ts.slice(0, ys.length);
  const read = stretches.flatMap(({ solution }) => solution.between);
  const pullbackBySteps: NonNullable<Solution<A>['pullbackBySteps']> = (cotangents, within = {}) => {
    checkCounts(cotangents, ys.length, 'cotangents');
    checkCounts(within.between, read.length, 'between');
    checkCounts(within.events, entries.length, 'events');
    return pullBackParts(parts, cotangents, within, release);
  };
  return {
    ts: reached,
    ys,
    between: read,
    rows: [],
    events: entries,
    status: failed?.error.code ?? status,
    failed,
    stats: ledger,
    pullbackBySteps,
    pullback: (cotangents, within) => drain(pullbackBySteps(cotangents, within)),
    release,
  };
}

function checkCounts(list: readonly unknown[] | undefined, count: number, name: string): void {
  if (!list || list.length === count) return;
  throw new ArgumentError(
    `\`${name}\` must have ${count} entries, one for each that was reached, not ${list.length}.`,
  );
}

/** The backward pass, from the last part to the first. */
function* pullBackParts<A>(
  { problem, memory, stretches, entries }: Parts<A>,
  cotangents: readonly (State<A> | undefined)[],
  within: ReadCotangents<A>,
  release: () => void,
): Steps<A, Gradient<A>> {
  const { ts, between = [], events = [], field } = problem;
  const tsBar = ts.map(() => 0);
  const betweenBar = between.map(() => 0);
  const parameters = runningSum(memory);
  const close = memory.open();
  let isWhole = false;
  try {
    let after: AtEvent<A> = { y: undefined, t: 0 };
    for (const { start, solution, recorded, ending } of [...stretches].reverse()) {
      const points: PointCotangent<A>[] = [];
      const add = (index: number, cotangent: AtEvent<A>): void => {
        const entry = entries[index]!;
        const v = pullBackTime(memory, events[entry.event]!, entry, cotangent, parameters.add);
        if (v) points.push({ t: entry.t, cotangent: v });
      };
      for (const index of [...ending].reverse()) {
        const entry = entries[index]!;
        after = pullBackJump(
          memory,
          events[entry.event]!,
          entry,
          after,
          within.events?.[index],
          parameters.add,
        );
      }
      if (ending.length > 0) add(ending[0]!, after);
      for (const index of recorded) {
        const { t = 0, before, after: same } = within.events?.[index] ?? {};
        add(index, { y: total(memory, [before, same]), t });
      }
      const offset = offsetOf(start);
      const isLast = solution === stretches.at(-1)!.solution;
      const isHere = (i: number): boolean => i > 0 || start.h === undefined;
      const read = within.between?.slice(start.between, start.between + solution.between.length);
      const gradient: Gradient<A> = yield* solution.pullbackBySteps!(
        solution.ts.map((_, i) => (isHere(i) ? cotangents[i + offset] : undefined)),
        { ...(read?.length && { between: read }), points, end: isLast ? within.end : undefined },
      );
      gradient.ts.forEach((t, i) => {
        if (isHere(i)) tsBar[i + offset]! += t;
      });
      gradient.between?.forEach((t, i) => {
        betweenBar[start.between + i]! += t;
      });
      parameters.add(memory.adoptState(gradient.parameters));
      after = { y: memory.adoptState(gradient.y0), t: gradient.ts[0]! };
    }
    isWhole = true;
    return {
      y0: memory.escape(after.y!),
      parameters: memory.escape(parameters.value ?? field.parameters.map((x) => memory.engine.zeros(x))),
      ts: tsBar,
      ...(problem.between && { between: betweenBar }),
    };
  } finally {
    close();
    if (!isWhole) release();
  }
}
