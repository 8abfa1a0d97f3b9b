/** Bytes and counts of one or several solves. Deterministic: the same solve gives the same numbers. */
export interface Statistics {
  /** Accepted and rejected steps of the forward pass. */
  readonly accepted: number;
  readonly rejected: number;
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

/** An empty account. Pass it as `ledger` to several solves to have them counted together. */
export function createLedger(): Ledger {
  return {
    phase: 'forward',
    accepted: 0,
    rejected: 0,
    evaluationsForward: 0,
    evaluationsBackward: 0,
    pullbacks: 0,
    extraSteps: 0,
    keptStateBytes: 0,
    keptStateBytesPeak: 0,
    activationBytes: 0,
    activationBytesPeak: 0,
    bytes: 0,
    bytesPeak: 0,
  };
}

/** Books evaluations of the field in the pass that is running. */
export function countEvaluations(ledger: Ledger, count: number): void {
  if (ledger.phase === 'forward') ledger.evaluationsForward += count;
  else ledger.evaluationsBackward += count;
}

/** Books a change of the bytes alive, and of the activations among them. */
export function bookBytes(ledger: Ledger, change: number, activations: number): void {
  ledger.bytes += change;
  ledger.bytesPeak = Math.max(ledger.bytesPeak, ledger.bytes);
  ledger.activationBytes += activations;
  ledger.activationBytesPeak = Math.max(ledger.activationBytesPeak, ledger.activationBytes);
}

/** Books a change of the bytes of states kept for the backward pass. */
export function bookKept(ledger: Ledger, change: number): void {
  ledger.keptStateBytes += change;
  ledger.keptStateBytesPeak = Math.max(ledger.keptStateBytesPeak, ledger.keptStateBytes);
}

/** Books activations, and states besides, that an engine held within one call. */
export function bookTransient(ledger: Ledger, activations: number, states = 0): void {
  bookBytes(ledger, activations + states, activations);
  bookBytes(ledger, -activations - states, -activations);
}
