import type { Ledger } from '../types/statistics.ts';

/** An empty account. Pass it as `ledger` to several solves to have them counted together. */
export function createLedger(): Ledger {
  return {
    phase: 'forward',
    accepted: 0,
    rejected: 0,
    forced: 0,
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

/** Books an attempted step. */
export function countStep(ledger: Ledger, verdict: 'accepted' | 'rejected' | 'forced'): void {
  if (verdict === 'forced') ledger.forced += 1;
  ledger[verdict === 'rejected' ? 'rejected' : 'accepted'] += 1;
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
