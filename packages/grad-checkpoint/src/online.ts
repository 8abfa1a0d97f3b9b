import { capacity, minimalAdvances, placements, repetitions } from './revolve.ts';

/** Which states to keep while the number of steps is unknown. */
export interface OnlineCheckpoints {
  /**
   * State n is at hand and step n is about to be taken; n counts 0, 1, 2, …. Returns the state that is given up for
   * it, if any: never state 0, often state n − 1.
   */
  readonly accept: (n: number) => number | undefined;
  /** The states held, ascending: c at most, and the one at hand last. */
  readonly kept: () => readonly number[];
}

/**
 * Online checkpointing with c slots, state 0's included, besides the state that the solver stands on.
 *
 * Whenever the solve ends, after N steps, no step has to be advanced more than r times in all, the forward pass
 * included, r minimal with C(c + r, c) ≥ N: the repetition number no schedule can undercut even if it knows N, and
 * the bound of Wang, Moin & Iaccarino (SIAM J. Sci. Comput. 31(4), 2009). Hence at most (r − 1)(N − 1) extra steps.
 *
 * At N = C(c + r, c) only one set of states has repetition r, so those states are never given up once passed. Any
 * other may be, as long as the gap it leaves can be reversed in r − 1 repetitions; the first such state always
 * can, for its gap then lies inside one gap of that set and has the same slots. Among the possible ones
 * the choice is the one whose loss costs least if the solve ended now, which is where this departs from Wang's levels.
 */
export function createOnline(c: number): OnlineCheckpoints {
  const kept: number[] = [];
  let repetition = 0;
  let fixed: ReadonlySet<number> = new Set();

  /** The position in kept, which is one too long, of the state to give up. */
  function leastCostly(): number {
    const gap = (j: number): number => kept[j + 1]! - kept[j]!;
    // Gaps before the loss are reversed with c − j slots, later ones with one more.
    let before = 0;
    let after = 0;
    for (let j = 1; j <= c; j += 1) after += minimalAdvances(gap(j), c - j + 1);
    let best = 0;
    let least = Infinity;
    for (let i = 1; i <= c; i += 1) {
      const merged = gap(i - 1) + gap(i);
      const slots = c - i + 1;
      after -= minimalAdvances(gap(i), slots);
      const extra = before + minimalAdvances(merged, slots) + after;
      if (extra < least && !fixed.has(kept[i]!) && repetitions(merged, slots) < repetition) {
        best = i;
        least = extra;
      }
      before += minimalAdvances(gap(i - 1), slots);
    }
    return best;
  }

  return {
    kept: () => kept,
    accept: (n) => {
      kept.push(n);
      if (kept.length <= c + 1) return undefined;
      const r = repetitions(n + 1, c);
      if (r !== repetition) {
        repetition = r;
        fixed = new Set(placements(capacity(c, r), c));
      }
      return kept.splice(leastCostly(), 1)[0];
    },
  };
}
