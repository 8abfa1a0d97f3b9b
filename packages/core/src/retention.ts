import type { Level, TrajectoryView } from './trajectory.ts';

/** What is known of a solve before it begins. */
export interface Outlook {
  /** Number of steps, where they have a constant size. */
  readonly steps: number | undefined;
  /** Solution stages of a step. */
  readonly stages: number;
  /** Bytes of one state. */
  readonly stateBytes: number;
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
