/** Equal steps between neighbouring output times: so many, or none larger than `stepSize`. */
export type FixedStepping = { readonly numSteps: number } | { readonly stepSize: number };

/** Which part of the state is a position, and which a momentum. */
export type Partition = readonly ('q' | 'p')[];

/** What of a method its solver may go by. */
export interface SolveSettings {
  readonly stepping: FixedStepping | AdaptiveStepping;
  /** For solvers that take the two apart. */
  readonly partition?: Partition | undefined;
}

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
