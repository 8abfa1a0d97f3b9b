import type { State } from './engine.ts';
import type { Ending, Event, Happening, HappeningCotangents, ObservedStep } from './event.ts';
import type { Failure, FailureCode } from './failure.ts';
import type { VectorField } from './field.ts';
import type { Progress, Steps } from './progress.ts';
import type { Solver } from './solver.ts';
import type { SolveSettings } from './stepping.ts';
import type { Ledger, Statistics } from './statistics.ts';

/**
 * The initial value problem y(ts[0]) = y0, wanted at every ts[i]. Times may be repeated, and one alone is as good: no step
 * is taken then, and the state is the same.
 */
export interface Problem<A> {
  readonly field: VectorField<A>;
  readonly y0: State<A>;
  /** One output time or more, increasing or decreasing. */
  readonly ts: readonly number[];
  /**
   * What `ts[i]` is besides an output, for those indices that are more or less than one: a knot, where steps land though nobody
   * wants the state, and a jump of f in time, which f never sees but from within the step on either side.
   */
  readonly knots?: ReadonlyMap<number, Knot>;
  /**
   * Further times at which the state is wanted, in the order of `ts`, after its first and up to its last. No step lands there: the
   * state is read off the interpolant of the step.
   */
  readonly between?: readonly number[];
  /** Instead of those: times of single rows of a batch. */
  readonly rows?: RowTimes;
  /** Whether the state is wanted at the end of every step, and not at `ts`. */
  readonly steps?: boolean;
  /** Whether the solution is to be read at any time later. It holds the state, the slope and the bumps of every step. */
  readonly dense?: boolean;
  /** What may happen along the solution. */
  readonly events?: readonly Event<A>[];
  /** Jumps of events before a solve fails with `max-events`; 1,000 by default. */
  readonly maxEvents?: number;
  /**
   * Looks at each accepted step, and may end the solve there: gives a time after the start of the step and up to its end. What `events`
   * are made of.
   */
  readonly ending?: (step: ObservedStep<A>) => number | undefined;
  /** Where the interval between output times began that `ts[0]` lies in, if that is not `ts[0]`. */
  readonly resumedFrom?: number;
  /** Attempts before, where a solve resumes; they count for `maxSteps`. */
  readonly attempted?: number;
  /** Where `ending` will end it, as it did before: it is made again for the way back, and counted there. Infinite where it did not. */
  readonly endsAt?: number;
  /** Whether `pullback` is to give ∂ℒ/∂ts; it costs inner products. */
  readonly timeGradients?: boolean;
}

/** What a time in `Problem.ts` is. */
export interface Knot {
  /** Whether the state is wanted there. */
  readonly output: boolean;
  /** Whether f jumps there. */
  readonly jump: boolean;
  /** Whether steps of constant size are counted from there, as they are from outputs. */
  readonly counts?: boolean;
}

/** Times at which rows of the state, along the first dimension of each of its parts, are read off the steps that all take. */
export interface RowTimes {
  /** In the order of `Problem.ts`, from its first up to its last. */
  readonly times: readonly number[];
  /** The row that is read at each. */
  readonly rows: readonly number[];
  /** How many a state has. */
  readonly count: number;
}

/** Rows that were read off one step: those of `RowTimes` from `from` up to `to`, not included, one below the other. */
export interface ReadRows<A> {
  /** The index of the step. */
  readonly step: number;
  readonly from: number;
  readonly to: number;
  readonly state: State<A>;
}

/** The cotangent of what was read at a time of a dense solution. */
export interface PointCotangent<A> {
  readonly t: number;
  readonly cotangent: State<A>;
  /** Whether it is that of `Solution.rate`, and not of `at`. */
  readonly rate?: boolean | undefined;
}

/** Cotangents of what was read off steps; undefined for zero. */
export interface ReadCotangents<A> {
  /** Of `Solution.between`. */
  readonly between?: readonly (State<A> | undefined)[];
  /** Of the states of `Solution.rows`. */
  readonly rows?: readonly (State<A> | undefined)[];
  /** Of what a dense solution gave, in any order; and of any time of a solve that was observed. */
  readonly points?: readonly PointCotangent<A>[];
  /** Of `Solution.failed.y`. */
  readonly end?: State<A> | undefined;
  /** Of `Solution.events`. */
  readonly events?: readonly (HappeningCotangents<A> | undefined)[];
}

/** How a problem is solved. */
export interface Method extends SolveSettings {
  readonly solver: Solver;
  /** Attempted steps, rejected ones included, before a solve fails with `max-steps`. */
  readonly maxSteps?: number;
  /**
   * What becomes of a solve that cannot go on for `max-steps`, `step-underflow`, `non-finite` or `no-convergence`: by default it throws. With 'return' its
   * solution has what was reached, and `failed`. Each state is then looked at for whether it is finite before it counts.
   */
  readonly onFailure?: 'throw' | 'return';
  /**
   * Looked at before each attempted step, and before each step of the backward pass. A solve that runs in one go no timer and no
   * event can abort; `onStep` can.
   */
  readonly signal?: AbortSignal;
  /** Called after each accepted step, and after each step of the backward pass. */
  readonly onStep?: (progress: Progress) => void;
  /** Where bytes and evaluations are counted; several solves may share one. */
  readonly ledger?: Ledger;
  /** The most bytes that the ledger is to show, for gradient strategies that keep to a budget. */
  readonly maxBytes?: number;
}

/** Gradient of a loss through a solve. */
export interface Gradient<A> {
  readonly y0: State<A>;
  readonly parameters: State<A>;
  /**
   * ∂ℒ/∂ts, zeros unless the problem asks for time gradients. Of repeated times each has its own, as of times that move
   * apart, their order kept: the state there is y + h f, h the time from the one before.
   */
  readonly ts: readonly number[];
  /** The same of `Problem.between`: the slope of the interpolant there, applied to the cotangent. */
  readonly between?: readonly number[];
  /** The same of `Problem.rows`, one for each time. */
  readonly rows?: readonly number[];
  /** The same of the points of a dense solution that were given a cotangent. */
  readonly points?: readonly number[];
}

/** The discrete solution, and the way back. */
export interface Solution<A> {
  /** The times of `ys`: those of the problem, or the ends of all steps. */
  readonly ts: readonly number[];
  /**
   * The state at each of `ts`; `ys[0]` is `y0` itself, the others live until `release()`. Of knots that are no outputs there is
   * none.
   */
  readonly ys: readonly State<A>[];
  /** The state at each time of `Problem.between`; they live until `release()`. */
  readonly between: readonly State<A>[];
  /** What was read of `Problem.rows`, in the order of its times; it lives until `release()`. */
  readonly rows: readonly ReadRows<A>[];
  /** Where the solve stopped that could not go on (`Method.onFailure`). What lies beyond is in none of the lists. */
  readonly failed?: Failure<A> | undefined;
  /** Where `Problem.ending` ended it; it lives until `release()`. Outputs after it are not there. */
  readonly ended?: Ending<A> | undefined;
  /** What happened, in order, where the problem has events. It lives until `release()`. */
  readonly events?: readonly Happening<A>[];
  /** Of a solve with events: whether one of them stopped it; `ts`, `ys` and `between` then end before it. Or why it failed. */
  readonly status?: 'end' | 'event' | FailureCode;
  readonly stats: Statistics;
  /**
   * The state at a time of a dense solution, and dy/dt of its interpolant: of the step before, where two meet. The caller owns them.
   *
   * @throws {ArgumentError} outside the times of the problem.
   */
  at?(t: number): State<A>;
  rate?(t: number): State<A>;
  /**
   * Pulls cotangents of `ys` (undefined for zero) and of what was read off steps back to y0, the parameters and the times. May be
   * called again. The caller owns the arrays that it returns.
   */
  pullback(cotangents: readonly (State<A> | undefined)[], read?: ReadCotangents<A>): Gradient<A>;
  /** The same, step by step; one at a time. What is left half-way releases the solution. */
  pullbackBySteps?(
    cotangents: readonly (State<A> | undefined)[],
    read?: ReadCotangents<A>,
  ): Steps<A, Gradient<A>>;
  release(): void;
  /** Releases all but the arrays that it gave, which are the caller's from then on. */
  handOver?(): readonly A[];
}
