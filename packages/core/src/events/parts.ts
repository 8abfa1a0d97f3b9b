import type { Memory } from '../memory/memory.ts';
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

/** What a part may hold: the budget of the ledger while it is solved, and how many entries it may record. */
interface Limits {
  readonly maxBytes: number;
  readonly room: number;
}

/** The parts of a solve with events. */
export interface Parts<A> {
  readonly problem: Problem<A>;
  readonly memory: Memory<A>;
  readonly stretches: readonly Stretch<A>[];
  /** What happened. */
  readonly entries: Entry<A>[];
  /** How often each event did. */
  readonly counts: number[];
  /** Solves a part, the next in `stretches`; gives undefined where it records more than there is room for, and leaves nothing then. */
  solve(start: Start<A>, limits?: Limits): Steps<A, Solved<A> | undefined>;
  /** Solves a part again, by the same steps, for a way back. The caller releases it. */
  again(stretch: Stretch<A>): Steps<A, Solution<A>>;
  /** Gives up the way back of a part: what it gave stays. */
  forget(stretch: Stretch<A>): void;
  release(): void;
}

/** Goes from part to part. */
export interface Course<A> {
  /** Solves the next part. */
  next(start: Start<A>): Steps<A, Solved<A>>;
  /** A solution of a part with its way back. */
  wayBack(stretch: Stretch<A>): Steps<A, Solution<A>>;
  /** The way back over a part is done. */
  passed(stretch: Stretch<A>, solution: Solution<A>): void;
}

/** A course that keeps the ledger within so many bytes. */
export type ShareOut = <A>(parts: Parts<A>, maxBytes: number) => Course<A>;

/** The course without a budget: every part is solved once, and kept. */
export function keepAll<A>({ solve }: Parts<A>): Course<A> {
  return {
    *next(start) {
      return (yield* solve(start))!;
    },
    *wayBack({ solution }) {
      yield* [];
      return solution;
    },
    passed() {
      // It stays.
    },
  };
}

export function createParts<A>(
  solveBySteps: SolveBySteps,
  problem: Problem<A>,
  method: Method,
  memory: Memory<A>,
): Parts<A> {
  const { events = [], ts } = problem;
  const { ledger } = memory;
  const [stretches, entries]: [Stretch<A>[], Entry<A>[]] = [[], []];
  const counts = events.map(() => 0);
  return {
    ...{ problem, memory, stretches, entries, counts },
    *solve(start, limits) {
      const { accepted, rejected } = ledger;
      const observer = createObserver(memory, events, entries, counts, limits?.room);
      let solution: Solution<A> | undefined;
      try {
        solution = yield* solveBySteps(problemFrom(problem, start, observer.ending), {
          ...methodFrom(method, start),
          ...(limits && { maxBytes: limits.maxBytes }),
        });
      } catch (error) {
        if (error === FULL) return undefined;
        throw error;
      } finally {
        if (!solution) observer.undo();
      }
      const stretch = { start, solution, recorded: observer.recorded, ending: [] };
      stretches.push(stretch);
      const taken = start.taken + ledger.accepted - accepted;
      const attempted = start.attempted + ledger.accepted - accepted + ledger.rejected - rejected;
      return { stretch, fired: observer.fired, attempted, taken };
    },
    again({ start, solution }) {
      const endsAt = solution.ended?.t ?? Math.sign(ts.at(-1)! - ts[0]!) * Infinity;
      const part = problemFrom(problem, start, ({ span: { t0, t1 } }) =>
        endsAt !== t0 && (endsAt - t0) * (t1 - endsAt) >= 0 ? endsAt : undefined,
      );
      return solveBySteps(
        { ...part, endsAt },
        {
          ...methodFrom(method, start),
          onStep(progress) {
            if (progress.phase === 'forward') ledger.extraSteps += 1;
            else method.onStep?.(progress);
          },
        },
      );
    },
    forget({ solution }) {
      memory.hold(memory.adoptState(solution.handOver!()));
    },
    release() {
      for (const { solution } of stretches) solution.release();
      memory.releaseAll();
    },
  };
}
