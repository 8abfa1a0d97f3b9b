import { describe, expect, it } from 'vitest';
import {
  capacity,
  minimalAdvances,
  minimalExtraSteps,
  placements,
  repetitions,
  replan,
  split,
} from './revolve.ts';

const N = 200;
const C = 12;

/** Fills table[c][n] for 1 ≤ c ≤ C, 1 ≤ n ≤ N: by value, from the rows of smaller c and the row so far. */
function fill(value: (n: number, c: number, table: readonly number[][]) => number): number[][] {
  const table: number[][] = [[]];
  for (let c = 1; c <= C; c += 1) {
    table.push([0]);
    for (let n = 1; n <= N; n += 1) table[c]!.push(value(n, c, table));
  }
  return table;
}

function least(n: number, value: (m: number) => number): number {
  let min = Infinity;
  for (let m = 1; m < n; m += 1) min = Math.min(min, value(m));
  return min;
}

/** From one held state, the first advance counted: keep a state m steps on, reverse beyond it, then before it. */
const reversal = fill((n, c, table) =>
  c === 1 ? (n * (n - 1)) / 2 : n === 1 ? 0 : least(n, (m) => m + table[c - 1]![n - m]! + table[c]![m]!),
);

/** The forward pass advances, and keeps states, at no cost, and leaves state n − 1 at hand. */
const atHand = fill((n, c, table) =>
  c === 1 ? reversal[1]![n - 1]! : n === 1 ? 0 : least(n, (m) => table[c - 1]![n - m]! + reversal[c]![m]!),
);

/** The same if the forward pass leaves nothing at hand besides the c slots. */
const slotsOnly = fill((n, c, table) =>
  c === 1
    ? reversal[1]![n]!
    : Math.min(
        reversal[c]![n]!,
        least(n, (m) => table[c - 1]![n - m]! + reversal[c]![m]!),
      ),
);

/**
 * The fewest advances after a forward pass over n ≤ 9 steps, by search over everything a sweep with c slots could
 * hold, do and discard: no assumption on the form of the schedule.
 */
function searched(n: number, c: number): number {
  const size = (mask: number): number => mask.toString(2).replaceAll('0', '').length;
  const key = (slots: number, work: number, target: number): number =>
    (target * (n + 1) + work) * 2 ** n + slots;
  let frontier = new Set<number>();
  for (let slots = 0; slots < 2 ** n; slots += 1)
    if (size(slots) <= c) frontier.add(key(slots, n - 1, n - 1));
  const seen = new Set<number>();
  for (let cost = 0; ; cost += 1) {
    const next = new Set<number>();
    for (const at of frontier) {
      if (seen.has(at)) continue;
      seen.add(at);
      const slots = at % 2 ** n;
      const work = Math.floor(at / 2 ** n) % (n + 1);
      const target = Math.floor(at / (2 ** n * (n + 1)));
      if (work === target) {
        if (target === 0) return cost;
        frontier.add(key(slots, work, target - 1));
      }
      if (work < target) next.add(key(slots, work + 1, target));
      for (let k = 0; k < n; k += 1) {
        if (slots & (1 << k)) {
          frontier.add(key(slots, k, target));
          frontier.add(key(slots & ~(1 << k), work, target));
        }
      }
      if (size(slots) < c && !(slots & (1 << work))) frontier.add(key(slots | (1 << work), work, target));
    }
    frontier = next;
  }
}

describe('the closed forms', () => {
  it('equal dynamic programming for N ≤ 200 and c ≤ 12', () => {
    for (let c = 1; c <= C; c += 1) {
      for (let n = 1; n <= N; n += 1) {
        expect([n, c, minimalAdvances(n, c)]).toEqual([n, c, reversal[c]![n]]);
        expect([n, c, minimalExtraSteps(n, c)]).toEqual([n, c, atHand[c]![n]]);
      }
    }
  });

  it('equal the formula t(N, c) − (N − 1) written out', () => {
    const choose = (n: number, k: number): number =>
      k < 0 || k > n ? 0 : k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k;
    for (const [n, c] of [
      [64, 3],
      [64, 4],
      [64, 8],
      [64, 12],
      [1000, 5],
      [10_000, 20],
    ] as const) {
      let r = 0;
      while (choose(c + r, c) < n) r += 1;
      expect(repetitions(n, c)).toBe(r);
      expect(capacity(c, r)).toBe(choose(c + r, c));
      expect(minimalAdvances(n, c)).toBe(r * n - choose(c + r, r - 1));
    }
  });

  it('count a state at hand that is not in a slot: without it the cost is that of one step more', () => {
    for (let c = 1; c <= C; c += 1) {
      for (let n = 1; n < N; n += 1) expect(slotsOnly[c]![n]).toBe(minimalExtraSteps(n + 1, c));
    }
  });

  it('cannot be undercut by any schedule (exhaustive search)', () => {
    for (const c of [1, 2, 3]) {
      for (let n = 1; n <= 9; n += 1) expect([n, c, searched(n, c)]).toEqual([n, c, minimalExtraSteps(n, c)]);
    }
  });

  it('decrease with more slots, strictly until nothing is advanced again, and never below zero', () => {
    for (const n of [2, 10, 500]) {
      for (let c = 1; c < n + 2; c += 1) {
        const more = minimalExtraSteps(n, c + 1);
        if (c < n - 1) expect(more).toBeLessThan(minimalExtraSteps(n, c));
        else expect(more).toBe(0);
      }
    }
  });

  it('stay exact for 10^6 steps', () => {
    expect(minimalAdvances(1e6, 1)).toBe((1e6 * (1e6 - 1)) / 2);
    expect(minimalExtraSteps(1e6, 1e6)).toBe(0);
    for (const c of [2, 3, 20, 1000]) {
      const m = split(1e6, c);
      expect(m + minimalAdvances(1e6 - m, c - 1) + minimalAdvances(m, c)).toBe(minimalAdvances(1e6, c));
    }
  });
});

describe('split', () => {
  it('is the largest optimal distance', () => {
    for (let c = 2; c <= C; c += 1) {
      for (let n = 2; n <= N; n += 1) {
        const cost = (m: number): number => m + reversal[c - 1]![n - m]! + reversal[c]![m]!;
        const m = split(n, c);
        expect([n, c, cost(m)]).toEqual([n, c, reversal[c]![n]]);
        for (let larger = m + 1; larger < n; larger += 1) expect(cost(larger)).toBeGreaterThan(cost(m));
      }
    }
  });

  it('keeps no further state when there is only the slot of the held one', () => {
    expect(split(10, 1)).toBe(9);
  });
});

describe('placements and replan', () => {
  it('keep state 0, at most c states, and not the one the advance ends on', () => {
    for (let c = 1; c <= C; c += 1) {
      for (let n = 2; n <= N; n += 1) {
        const kept = placements(n, c);
        expect(kept[0]).toBe(0);
        expect(kept.length).toBeLessThanOrEqual(c);
        expect(kept.at(-1)).toBeLessThan(n - 1);
        expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
      }
    }
    expect(placements(1, 3)).toEqual([0]);
    expect(placements(5, 9)).toEqual([0, 1, 2, 3]);
  });

  it('shift with the state one advances from', () => {
    expect(replan(7, 16, 2)).toEqual(
      placements(10, 3)
        .slice(1)
        .map((k) => k + 7),
    );
    expect(replan(7, 16, 0)).toEqual([]);
    expect(replan(7, 7, 3)).toEqual([]);
  });
});
