import type { State } from './engine.ts';

/** Where a solve is. */
export interface Progress {
  readonly phase: 'forward' | 'backward';
  readonly t: number;
  readonly h: number;
  /** Steps taken, or steps swept back over. */
  readonly steps: number;
  /** Euclidean norm of the state at `t`; in the backward phase, of ∂ℒ/∂y there. Computed when it is read, within `onStep`. */
  readonly norm: number;
}

/** Where a loop is, between two of its steps. */
export interface Reached<A> extends Progress {
  /** The state at `t`; in the backward phase, ∂ℒ/∂y there. Alive until the loop goes on. */
  readonly y: State<A>;
}

/**
 * A loop as a sequence of its steps: it goes on when the next is asked for, and may be left in between with `return`. Sent `'rest'`,
 * it goes to its end at once, and takes no time for pauses.
 */
export type Steps<A, T> = Generator<Reached<A>, T, 'rest' | undefined>;
