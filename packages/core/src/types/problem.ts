import type { State } from './engine.ts';
import type { VectorField } from './field.ts';
import type { Progress, Steps } from './progress.ts';
import type { Solver } from './solver.ts';
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
  /** Whether `pullback` is to give ∂ℒ/∂ts; it costs inner products. */
  readonly timeGradients?: boolean;
}

/** What a time in `Problem.ts` is. */
export interface Knot {
  /** Whether the state is wanted there. */
  readonly output: boolean;
  /** Whether f jumps there. */
  readonly jump: boolean;
}

/** Equal steps between neighbouring output times: so many, or none larger than `stepSize`. */
export type FixedStepping = { readonly numSteps: number } | { readonly stepSize: number };

/** One number for all parts of the state, or one for each. */
export type ByPart = number | readonly number[];

/**
 * How the scaled errors of all entries make one number: their root mean square, the largest, or what a function makes of the root
 * mean square of each part, which is to be homogeneous (twice the errors give twice the norm).
 */
export type Norm = 'rms' | 'max' | ((byPart: readonly number[]) => number);

/** Steps chosen by a controller from the embedded error. */
export interface AdaptiveStepping {
  readonly rtol: ByPart;
  /** Infinity for a part leaves that part out of the norm, which makes it a seminorm. */
  readonly atol: ByPart;
  /** Default `'rms'`. */
  readonly norm?: Norm;
  readonly controller: StepSizeController;
  /** Size of the first attempt; by default Hairer's rule. */
  readonly firstStep?: number;
  /** Largest step size, unbounded by default. */
  readonly maxStep?: number;
  /**
   * Smallest step size; by default what float64 time can resolve. Where the error asks for a smaller one the solve fails. A step that
   * ends on an output time may be smaller.
   */
  readonly minStep?: number;
  /** Whether a step of the smallest size is accepted instead, whatever its error; it is counted as `forced`. */
  readonly force?: boolean;
}

/** How a problem is solved. */
export interface Method {
  readonly solver: Solver;
  readonly stepping: FixedStepping | AdaptiveStepping;
  /** Attempted steps, rejected ones included, before a solve fails with `max-steps`. */
  readonly maxSteps?: number;
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
}

/** The discrete solution, and the way back. */
export interface Solution<A> {
  /**
   * The state at each output time; `ys[0]` is `y0` itself, the others live until `release()`. Of knots that are no outputs there is
   * none.
   */
  readonly ys: readonly State<A>[];
  /** The state at each time of `Problem.between`; they live until `release()`. */
  readonly between: readonly State<A>[];
  readonly stats: Statistics;
  /**
   * Pulls cotangents of `ys` and `between` (undefined for zero) back to y0, the parameters and the output times. May be
   * called again. The caller owns the arrays that it returns.
   */
  pullback(
    cotangents: readonly (State<A> | undefined)[],
    between?: readonly (State<A> | undefined)[],
  ): Gradient<A>;
  /** The same, step by step; one at a time. What is left half-way releases the solution. */
  pullbackBySteps?(
    cotangents: readonly (State<A> | undefined)[],
    between?: readonly (State<A> | undefined)[],
  ): Steps<A, Gradient<A>>;
  release(): void;
}

/** Turns scaled errors into step sizes. Holds settings only; the loop holds the history. */
export interface StepSizeController {
  readonly name: string;
  /**
   * `norms[0]` is the scaled error of the attempt (accepted when ≤ 1), `norms[1…2]` those of the accepted
   * steps before it, newest first; `order` is the order of the error estimate plus one.
   */
  next(norms: readonly number[], order: number): StepDecision;
}

/** Whether an attempt is accepted, and by what its size is multiplied for the next. */
export interface StepDecision {
  readonly accept: boolean;
  readonly factor: number;
}
