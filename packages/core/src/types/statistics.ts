/** Bytes and counts of one or several solves. Deterministic: the same solve gives the same numbers. */
export interface Statistics {
  /** Accepted and rejected steps of the forward pass. */
  readonly accepted: number;
  readonly rejected: number;
  /** Accepted steps whose error was too large, at the smallest size with `force`. */
  readonly forced: number;
  /** Evaluations of the vector field, those that kept activations included. */
  readonly evaluationsForward: number;
  readonly evaluationsBackward: number;
  /** Pullbacks of the vector field: one is one vector–Jacobian product. */
  readonly pullbacks: number;
  /** Steps advanced again in the backward pass, the step being differentiated not counted. */
  readonly extraSteps: number;
  /** Bytes of states held now for the backward pass, and the most there ever were. */
  readonly keptStateBytes: number;
  readonly keptStateBytesPeak: number;
  /** Bytes of activations alive now, and the most there ever were. */
  readonly activationBytes: number;
  readonly activationBytesPeak: number;
  /** Bytes of everything core holds now (states, slopes, cotangents, activations), and the most ever. */
  readonly bytes: number;
  readonly bytesPeak: number;
}

/** The account book: core writes it, anybody reads it. */
export type Ledger = { -readonly [K in keyof Statistics]: Statistics[K] } & {
  /** Which pass evaluations are booked to. */
  phase: 'forward' | 'backward';
};
