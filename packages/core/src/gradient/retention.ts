import type { Footprint } from './footprint.ts';
import type { Level, TrajectoryView } from './trajectory.ts';

/** What is known of a solve before it begins. */
export interface Outlook {
  /** Number of steps, where they have a constant size, and nothing ends the solve before. */
  readonly steps: number | undefined;
  /** Solution stages of a step. */
  readonly stages: number;
  /** Where the solve begins. */
  readonly t0: number;
  /** Bytes of a state. */
  readonly stateBytes: number;
  /** The most bytes that the ledger is to show, where the user named a budget. */
  readonly maxBytes: number | undefined;
  /** Bytes that the ledger shows already: what other solves hold. */
  readonly heldBytes: number;
  /** Evaluates f at the start; the solve goes on from there. */
  measure(): Measurement;
}

/** What the steps of a solve hold and cost on its engine. */
export interface Measurement extends Footprint {
  /** Evaluations with which a step of which the state is kept is pulled back. */
  readonly evaluations: number;
  /**
   * Whether making activations once and keeping them takes less time than making them again in the backward
   * pass; an engine may evaluate and pull back in one go so fast that it does not. Tried out at the first call,
   * once for each engine and size, and on nobody's books.
   */
  keepingPays(): boolean;
}

/** What a step is pulled back with. */
export type Restored = 'stages' | 'activations';

/**
 * A retention schedule: all that tells one exact gradient from another. It decides; core holds, advances again and
 * releases. Where it is data, an engine may take several steps in one call. Where an engine pulls a step back from its state
 * in one call, with one evaluation of each stage, the states of its stages are of no use, and its state is kept instead.
 */
export interface Retention {
  /** How much of each step, or of step `n`, about to be taken, is kept. May demote earlier steps. */
  readonly keep: Level | ((n: number, trajectory: TrajectoryView) => Level);
  /**
   * The sweep has reached step `last`, and `from` is the nearest step whose state is kept. The steps between
   * are made again: how much of each is kept then? At least the stages of `last`. Asked in order of time.
   */
  readonly restore:
    Restored | ((from: number, last: number, trajectory: TrajectoryView) => (n: number) => Level);
  /** Whether the backward pass may forget what the forward pass kept as soon as it has been passed. */
  readonly consumes?: boolean;
}
