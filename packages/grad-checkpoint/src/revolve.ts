/**
 * Binomial checkpointing (Griewank & Walther, "Algorithm 799: revolve", ACM TOMS 26(1), 2000).
 *
 * n steps are reversed from a held state with c slots, the held state's own included. The state that was just
 * advanced to is at hand besides the slots. All is exact while n·(c + r) stays below 2^53.
 */

/** The fewest times each step has to be advanced, and how many steps that many would do for. */
interface Level {
  readonly r: number;
  /** C(c + r, c). */
  readonly capacity: number;
}

function level(n: number, c: number): Level {
  // With one slot r is n − 1: a closed form saves the only loop that would be linear in n.
  if (c === 1) return { r: n - 1, capacity: n };
  let r = 0;
  let capacity = 1;
  while (capacity < n) {
    r += 1;
    capacity = (capacity * (c + r)) / r;
  }
  return { r, capacity };
}

/**
 * The most steps that c slots can reverse with every step advanced at most r times: C(c + r, c).
 * Source: Griewank & Walther 2000, β(c, r).
 */
export function capacity(c: number, r: number): number {
  let product = 1;
  for (let i = 1; i <= Math.min(c, r); i += 1) product = (product * (Math.max(c, r) + i)) / i;
  return product;
}

/** The least number r such that n steps can be reversed with c slots and every step advanced at most r times. */
export function repetitions(n: number, c: number): number {
  return n <= 1 ? 0 : level(n, Math.min(c, n)).r;
}

/**
 * The fewest advances that reverse n steps from one held state with c slots, the first advance included:
 * t(n, c) = r·n − C(c + r, r − 1). Zero for n ≤ 1.
 * Source: Griewank & Walther 2000, t(l, s).
 */
export function minimalAdvances(n: number, c: number): number {
  if (n <= 1) return 0;
  const slots = Math.min(c, n);
  const { r, capacity: most } = level(n, slots);
  return r * n - (most * r) / (slots + 1);
}

/**
 * The fewest steps advanced again after a forward pass over n steps that kept c states, the initial one counted,
 * and ended with state n − 1 at hand: t(n, c) − (n − 1).
 */
export function minimalExtraSteps(n: number, c: number): number {
  return n <= 1 ? 0 : minimalAdvances(n, c) - (n - 1);
}

/**
 * How far to advance from a held state before the next checkpoint, when n ≥ 2 steps are reversed with c slots.
 * Of the optimal distances this is the largest, so that the fewest states are kept; n − 1 says to keep none.
 */
export function split(n: number, c: number): number {
  const slots = Math.min(c, n);
  const { r, capacity: most } = level(n, slots);
  // m is optimal if m steps reach repetition r − 1 at most, and the n − m beyond r − 1 at least:
  // m ≤ C(c + r − 1, c) and n − m ≥ C(c + r − 2, c − 1).
  const near = (most * r) / (slots + r);
  const far = (near * slots) / (slots + r - 1);
  return Math.min(near, n - far);
}

/**
 * The states that an optimal advance over n steps keeps, c at most, state 0 first. State n − 1 is never among
 * them (unless it is state 0): the advance ends on it, so that it is at hand without a slot.
 */
export function placements(n: number, c: number): number[] {
  const kept = [0];
  for (let at = 0, slots = c; slots > 1 && at < n - 1; slots -= 1) {
    at += split(n - at, slots);
    if (at < n - 1) kept.push(at);
  }
  return kept;
}

/**
 * The states to keep while advancing again from the held state `from` to state `last`, which is to be
 * differentiated next, with `free` slots free besides the one of `from`: ascending, strictly between the two.
 */
export function replan(from: number, last: number, free: number): number[] {
  return placements(last - from + 1, free + 1)
    .slice(1)
    .map((offset) => from + offset);
}
