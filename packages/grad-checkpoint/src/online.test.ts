import { describe, expect, it } from 'vitest';
import { extraStepsFor } from './cost.ts';
import { createOnline } from './online.ts';
import { capacity, minimalExtraSteps, repetitions } from './revolve.ts';

const lengths = [10, 50, 100, 500, 1000, 10_000];
const slots = [2, 3, 5, 10, 20];

/** The extra steps if the solve ended after n steps, for every n ≤ most. */
function online(c: number, most: number): number[] {
  const schedule = createOnline(c);
  const extra = [0];
  for (let n = 1; n <= most; n += 1) {
    schedule.accept(n - 1);
    extra[n] = extraStepsFor(schedule.kept(), n, c);
  }
  return extra;
}

/**
 * The rule of Wang, Moin & Iaccarino: the last state below a later one of higher level is given up; if there is none,
 * the last state of all, and its successor goes a level above it.
 */
function wang(c: number, most: number): number[] {
  let kept: { n: number; level: number }[] = [];
  const extra = [0];
  for (let n = 0; n < most; n += 1) {
    let level = n === 0 ? Infinity : 0;
    if (kept.length === c + 1) {
      const lost = kept.findLastIndex((a, i) => i > 0 && kept.some((b) => b.n > a.n && b.level > a.level));
      if (lost < 0) level = kept.at(-1)!.level + 1;
      kept = kept.toSpliced(lost, 1);
    }
    kept.push({ n, level });
    extra[n + 1] = extraStepsFor(
      kept.map((k) => k.n),
      n + 1,
      c,
    );
  }
  return extra;
}

/** The greatest ratio to the offline optimum over all lengths where that is not zero. */
function worstRatio(extra: readonly number[], c: number): number {
  return Math.max(...extra.map((e, n) => (minimalExtraSteps(n, c) > 0 ? e / minimalExtraSteps(n, c) : 0)));
}

describe('createOnline', () => {
  it('holds c states at most besides the one at hand, state 0 among them, and only what it was given', () => {
    for (const c of [1, ...slots]) {
      const schedule = createOnline(c);
      const held = new Set<number>();
      for (let n = 0; n < 2000; n += 1) {
        const lost = schedule.accept(n);
        held.add(n);
        if (lost !== undefined) expect(held.delete(lost)).toBe(true);
        expect(held.size).toBeLessThanOrEqual(c + 1);
        expect(held.has(0) && held.has(n)).toBe(true);
        expect([...held]).toEqual(schedule.kept());
      }
    }
  });

  it('needs no repetition more than a schedule that knows N, whatever N', () => {
    for (const c of [1, ...slots]) {
      const schedule = createOnline(c);
      for (let n = 1; n <= 5000; n += 1) {
        schedule.accept(n - 1);
        const kept = schedule.kept();
        const most = kept.slice(0, -1).map((k, j) => 1 + repetitions(kept[j + 1]! - k, c - j));
        expect([n, c, Math.max(...most, 0)]).toEqual([n, c, repetitions(n, c)]);
      }
    }
  });

  it('stays within the bound (r − 1)(N − 1) that follows, and takes no extra step while all states fit', () => {
    for (const c of [1, ...slots]) {
      online(c, 5000).forEach((extra, n) => {
        expect(extra).toBeGreaterThanOrEqual(minimalExtraSteps(n, c));
        expect(extra).toBeLessThanOrEqual(Math.max(repetitions(n, c) - 1, 0) * (n - 1));
        if (n <= c + 1) expect(extra).toBe(0);
      });
    }
  });

  it('is optimal wherever N = C(c + r, c), and for one slot everywhere', () => {
    for (const c of slots) {
      const extra = online(c, 5000);
      for (let r = 1; capacity(c, r) <= 5000; r += 1) {
        expect(extra[capacity(c, r)]).toBe(minimalExtraSteps(capacity(c, r), c));
      }
    }
    online(1, 300).forEach((extra, n) => expect(extra).toBe(minimalExtraSteps(n, 1)));
  });

  it('is optimal up to two repetitions', () => {
    for (const c of slots) {
      const extra = online(c, capacity(c, 2));
      extra.forEach((e, n) => expect([n, c, e]).toEqual([n, c, minimalExtraSteps(n, c)]));
    }
  });

  it('takes no more extra steps with one slot more', () => {
    let fewer = online(1, 1000);
    for (let c = 2; c <= 40; c += 1) {
      const more = online(c, 1000);
      more.forEach((extra, n) => expect(extra).toBeLessThanOrEqual(fewer[n]!));
      fewer = more;
    }
  });

  it('never exceeds the offline optimum by more than 18 % (2 % from 10 slots on), nor by more than levels do', () => {
    for (const c of slots) {
      const worst = worstRatio(online(c, 5000), c);
      expect(worst).toBeLessThanOrEqual(c < 10 ? 20 / 17 : 1.02);
      expect(worst).toBeLessThanOrEqual(worstRatio(wang(c, 5000), c));
    }
  });

  it('compares with the offline optimum and with levels as tabulated', () => {
    const rows = slots.flatMap((c) => {
      const [ours, levels] = [online(c, 10_000), wang(c, 10_000)];
      return lengths.map((n) => [c, n, minimalExtraSteps(n, c), ours[n], levels[n]].join(' '));
    });
    expect(['c N offline online levels', ...rows].join('\n')).toMatchInlineSnapshot(`
      "c N offline online levels
      2 10 11 11 11
      2 50 236 246 246
      2 100 746 756 756
      2 500 9545 9923 9923
      2 1000 27821 28416 28416
      2 10000 922821 922876 922876
      3 10 6 6 6
      3 50 131 131 131
      3 100 391 411 408
      3 500 4181 4294 4291
      3 1000 11156 11741 11741
      3 10000 268731 275192 275171
      5 10 4 4 4
      5 50 73 73 75
      5 100 217 219 229
      5 500 2077 2145 2379
      5 1000 5285 5422 5410
      5 10000 102869 104272 105056
      10 10 0 0 0
      10 50 39 39 39
      10 100 123 123 144
      10 500 1137 1145 1145
      10 1000 2637 2637 2637
      10 10000 47625 47655 50652
      20 10 0 0 0
      20 50 29 29 29
      20 100 79 79 79
      20 500 748 749 879
      20 1000 1748 1748 1839
      20 10000 27977 27981 28119"
    `);
  });
});
