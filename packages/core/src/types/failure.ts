import type { State } from './engine.ts';

/** Why a solve may end before its last time and still be of use (`Method.onFailure`). */
export type FailureCode = 'max-steps' | 'step-underflow' | 'non-finite' | 'no-convergence';

/** How far a solve came that could not go on. */
export interface Failure<A> {
  /** The SolveError that it would have thrown. */
  readonly error: Error & { readonly code: FailureCode };
  /** The end of the last step, and the state there, which is finite; it lives until `release()`. */
  readonly t: number;
  readonly y: State<A>;
}
