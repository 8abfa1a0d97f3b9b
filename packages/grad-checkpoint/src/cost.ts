import { minimalAdvances } from './revolve.ts';

/**
 * The steps advanced again when n steps are reversed from the kept states, with c slots.
 *
 * The sweep differentiates step n − 1 from state n − 1, which the forward pass left at hand, then reverses one gap
 * after another, each optimally with the slots that are free by then: those of later states have been given up.
 * @param kept ascending, state 0 first; c states at most, and state n − 1 besides if it is listed
 */
export function extraStepsFor(kept: readonly number[], n: number, c: number): number {
  let extra = 0;
  kept.forEach((from, j) => {
    const to = Math.min(kept[j + 1] ?? n - 1, n - 1);
    // j slots hold earlier states.
    if (from < to) extra += minimalAdvances(to - from, c - j);
  });
  return extra;
}
