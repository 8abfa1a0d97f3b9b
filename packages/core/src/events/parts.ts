import { SolveError } from '../arguments/errors.ts';
import type { Memory } from '../memory/memory.ts';
import { once } from '../memory/once.ts';
import { stateBytes } from '../memory/state.ts';
import { createObserver, FULL } from './observer.ts';
import type { Entry } from './pull-back.ts';
import { methodFrom, problemFrom, type Start, type Stretch } from './stretch.ts';
import type { Method, Problem, Solution } from '../types/problem.ts';
import type { Steps } from '../types/progress.ts';

export type SolveBySteps = <A>(problem: Problem<A>, method: Method) => Steps<A, Solution<A>>;

/** A part that was just solved: its stretch, and the events that ended it. */
export interface Solved<A> {
  readonly stretch: Stretch<A>;
  readonly fired: readonly number[];
  /** Attempted and accepted steps up to its end. */
  readonly attempted: number;
  readonly taken: number;
}

/** The parts of a solve with events. Where there is a budget it holds for all of them together. */
export interface Parts<A> {
  readonly problem: Problem<A>;
  readonly memory: Memory<A>;
  readonly stretches: readonly Stretch<A>[];
  /** What happened. */
  readonly entries: Entry<A>[];
  /** How often each event did. */
  readonly counts: number[];
  /** Solves the next part. */
  next(start: Start<A>): Steps<A, Solved<A>>;
  /** A solution of a part with its way back: the one that there was, or the same made again. */
  wayBack(stretch: Stretch<A>): Steps<A, Solution<A>>;
  /** The way back over a part is done. */
  passed(stretch: Stretch<A>, solution: Solution<A>): void;
  release(): void;
}

/** What of a budget is whose. */
interface Share {
  /** Bytes of a part now. */
  readonly bytes: number;
  /** Bytes that it may have. */
  readonly most: number;
}

/**
 * Solves part by part. With a budget a part gets half of what is left, since others follow; the way back of the first parts is given up
 * where those before hold more than half of it all, or nothing can be done with what is left. Backward such a part is solved again, with
 * all that is free by then.
 */
export function createParts<A>(
  solveBySteps: SolveBySteps,
  problem: Problem<A>,
  method: Method,
  memory: Memory<A>,
  budget: number | undefined,
): Parts<A> {
  const { events = [], ts } = problem;
  const { ledger } = memory;
  const [isBudgeted, maxBytes] = [budget !== undefined, budget ?? Infinity];
  const [stretches, entries]: [Stretch<A>[], Entry<A>[]] = [[], []];
  const counts = events.map(() => 0);
  /** Parts whose way back is there, first to last. */
  const shares = new Map<Stretch<A>, Share>();
  const besides = once(() => bytesBesides(problem, memory));

  const forget = (stretch: Stretch<A>): void => {
    shares.delete(stretch);
    memory.hold(memory.adoptState(stretch.solution.handOver!()));
  };
  const forgetFirst = (): boolean => {
    const [first] = shares.keys();
    if (first) forget(first);
    return first !== undefined;
  };

  const solve = function* (start: Start<A>, room: number, most?: number): Steps<A, Solved<A>> {
    const observer = createObserver(memory, events, entries, counts, room);
    const { accepted, rejected } = ledger;
    let solution: Solution<A> | undefined;
    try {
      solution = yield* solveBySteps(problemFrom(problem, start, observer.ending), {
        ...methodFrom(method, start),
        ...(most !== undefined && { maxBytes: Math.max(1, most) }),
      });
    } finally {
      if (!solution) observer.undo();
    }
    const stretch = { start, solution, recorded: observer.recorded, ending: [] };
    stretches.push(stretch);
    const taken = start.taken + ledger.accepted - accepted;
    const attempted = start.attempted + ledger.accepted - accepted + ledger.rejected - rejected;
    return { stretch, fired: observer.fired, attempted, taken };
  };

  const solveWithin = function* (start: Start<A>): Steps<A, Solved<A>> {
    let room = events.some(({ then }) => then === 'record') ? 2 : 0;
    let divisor = events.some(({ then }) => typeof then === 'object') ? 2 : 1;
    const before = Math.max(
      0,
      ...stretches.map(({ solution, recorded }) => givenBy(solution) + recorded.length),
    );
    while (ledger.bytes > maxBytes / 2 && forgetFirst());
    for (;;) {
      const { bytes, accepted } = ledger;
      const most = (maxBytes - bytes) / divisor;
      const free = besides()(3 * room + before);
      try {
        const solved = yield* solve(start, room, bytes + most - free);
        shares.set(solved.stretch, { bytes: ledger.bytes - bytes, most });
        return solved;
      } catch (error) {
        if (error === FULL) room *= 2;
        else if (!isOverBudget(error) || ledger.accepted > accepted) throw error;
        else if (!forgetFirst()) {
          if (divisor === 1) throw overBudget(error, maxBytes, start.t, free);
          divisor = 1;
        }
      }
    }
  };

  return {
    ...{ problem, memory, stretches, entries, counts },
    next: (start) => (isBudgeted ? solveWithin(start) : solve(start, Infinity)),
    *wayBack(stretch) {
      if (!isBudgeted) return stretch.solution;
      const share = shares.get(stretch);
      if (share && ledger.bytes - share.bytes + share.most <= maxBytes) return stretch.solution;
      if (share) forget(stretch);
      const endsAt = stretch.solution.ended?.t ?? Math.sign(ts.at(-1)! - ts[0]!) * Infinity;
      const isWithin = (t0: number, t1: number): boolean =>
        (endsAt - t0) * (t1 - endsAt) >= 0 && endsAt !== t0;
      return yield* solveBySteps(
        {
          ...problemFrom(problem, stretch.start, ({ span: { t0, t1 } }) =>
            isWithin(t0, t1) ? endsAt : undefined,
          ),
          endsAt,
        },
        {
          ...methodFrom(method, stretch.start),
          onStep(progress) {
            if (progress.phase === 'forward') ledger.extraSteps += 1;
            else method.onStep?.(progress);
          },
        },
      );
    },
    passed(stretch, solution) {
      if (solution !== stretch.solution) solution.release();
      // The last one needs no more the next time than it had.
      else if (isBudgeted && stretch !== stretches.at(-1)) forget(stretch);
    },
    release() {
      for (const { solution } of stretches) solution.release();
      memory.releaseAll();
    },
  };
}

/** States that a part gave. */
const givenBy = <A>({ ys, between }: Solution<A>): number => ys.length + between.length;

/**
 * The most bytes that looking at steps, at what happened, and going back over it takes besides the solve of a part, with so many states
 * more.
 */
function bytesBesides<A>(
  { field: { engine, parameters }, y0, ts, events = [] }: Problem<A>,
  memory: Memory<A>,
): (states: number) => number {
  const fields = events.flatMap(({ when, then }) => [
    when.field,
    ...(typeof then === 'object' ? [then] : []),
  ]);
  const activations = fields.map((field) =>
    memory.scope(() => memory.adoptLinearization(field.linearize(ts[0]!, y0)).bytes),
  );
  const looks = [...new Set(events.map(({ looks: count = 4 }) => count))].reduce(
    (sum, count) => sum + count,
    0,
  );
  const rest = 4 * stateBytes(engine, parameters) + Math.max(...activations);
  return (states) => (looks + 10 + states) * stateBytes(engine, y0) + rest;
}

const isOverBudget = (error: unknown): error is SolveError =>
  error instanceof SolveError && error.code === 'over-budget';

function overBudget({ leastBytes }: SolveError, maxBytes: number, t: number, free: number): SolveError {
  const least = leastBytes! + free;
  return new SolveError(
    'over-budget',
    `A budget of ${maxBytes} bytes is too small: to get past t = ${t} this gradient takes ${least} at least, what happened ` +
      'before included. Raise `maxBytes`, or make the state, the parameters or f smaller',
    { t, h: 0, steps: 0, leastBytes: least },
  );
}
