import type { Statistics } from './ledger.ts';
import type { Level, TrajectoryView } from './trajectory.ts';

/** What is known of a solve before it begins. */
export interface Outlook {
  /** Number of steps, where they have a constant size. */
  readonly steps: number | undefined;
  /** Solution stages of a step. */
  readonly stages: number;
  /** Number of output times. */
  readonly outputs: number;
  readonly stateBytes: number;
  readonly parameterBytes: number;
  readonly timeGradients: boolean;
  /** The books as they stand: what other solves on the same ledger hold is in them. */
  readonly stats: Statistics;
  /** Tries f once at the start, not counted among the solve's evaluations. */
  measure(): Measurement;
}

/** What one evaluation of the vector field costs. */
export interface Measurement {
  /** Bytes that a linearization holds. */
  readonly activationBytes: number;
  /**
   * How long pulling back with kept activations takes, linearizing included, over evaluating now and making
   * the activations again later. Below 1, keeping activations saves time.
   */
  readonly keepingRatio: number;
}

/**
 * A retention schedule: all that tells one exact gradient from another. It decides; core holds, advances
 * again and releases.
 */
export interface Retention {
  /** How much of step `n`, about to be taken, is kept. May demote earlier steps. */
  keep(n: number, trajectory: TrajectoryView): Level;
  /**
   * The sweep has reached step `last`, and `from` is the nearest step whose state is kept. The steps between
   * are made again: how much of each is kept then? At least the stages of `last`. Asked in order of time.
   */
  restore(from: number, last: number, trajectory: TrajectoryView): (n: number) => Level;
  /** Whether the backward pass may forget what the forward pass kept as soon as it has been passed. */
  readonly consumes?: boolean;
}
