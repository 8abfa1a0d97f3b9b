import { describe, expect, it } from 'vitest';
import { extraStepsFor } from './cost.ts';
import { createOnline } from './online.ts';
import { minimalExtraSteps, placements, replan, repetitions } from './revolve.ts';

interface Executed {
  readonly extraSteps: number;
  /** Most states in slots at any time; the state at hand is not in one. */
  readonly peakSlots: number;
  /** The most often that any one step was advanced, the forward pass included. */
  readonly repetition: number;
}

/** Runs the backward sweep over n steps from the states that the forward pass kept: moves states, counts steps. */
function sweep(kept: readonly number[], n: number, c: number): Executed {
  let atHand = n - 1;
  const slots = new Set(kept.filter((k) => k < n - 1 || k === 0));
  const advanced = new Array<number>(n).fill(1);
  let extraSteps = 0;
  let peakSlots = slots.size;
  for (let last = n - 1; last >= 0; last -= 1) {
    if (atHand !== last) {
      const from = Math.max(...slots);
      if (from > last) throw new Error(`a state beyond ${last} is still held`);
      const plan = replan(from, last, c - slots.size);
      for (atHand = from; atHand < last; atHand += 1) {
        if (plan.includes(atHand)) slots.add(atHand);
        advanced[atHand]! += 1;
        extraSteps += 1;
      }
      peakSlots = Math.max(peakSlots, slots.size);
    }
    slots.delete(last);
  }
  return { extraSteps, peakSlots, repetition: Math.max(...advanced.slice(0, -1), 0) };
}

describe('the executed sweep', () => {
  it('takes the least extra steps from the offline placements, for N ≤ 200 and c ≤ 12', () => {
    for (let c = 1; c <= 12; c += 1) {
      for (let n = 1; n <= 200; n += 1) {
        const kept = placements(n, c);
        const run = sweep(kept, n, c);
        expect([n, c, run.extraSteps]).toEqual([n, c, minimalExtraSteps(n, c)]);
        expect(extraStepsFor(kept, n, c)).toBe(run.extraSteps);
        expect(run.peakSlots).toBeLessThanOrEqual(c);
        expect(run.repetition).toBe(repetitions(n, c));
      }
    }
  });

  it('does so for 10,000 steps with 20 states', () => {
    expect(sweep(placements(10_000, 20), 10_000, 20)).toEqual({
      extraSteps: minimalExtraSteps(10_000, 20),
      peakSlots: 20,
      repetition: repetitions(10_000, 20),
    });
  });

  it('takes what extraStepsFor says from the online placements, in as few repetitions as any schedule', () => {
    for (let c = 1; c <= 12; c += 1) {
      const online = createOnline(c);
      for (let n = 1; n <= 200; n += 1) {
        online.accept(n - 1);
        const run = sweep(online.kept(), n, c);
        expect([n, c, run.extraSteps]).toEqual([n, c, extraStepsFor(online.kept(), n, c)]);
        expect(run.peakSlots).toBeLessThanOrEqual(c);
        expect([n, c, run.repetition]).toEqual([n, c, repetitions(n, c)]);
      }
    }
  });

  it('takes what extraStepsFor says from any kept states', () => {
    let seed = 1;
    const below = (bound: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % bound;
    };
    for (let trial = 0; trial < 500; trial += 1) {
      const n = 1 + below(60);
      const c = 1 + below(8);
      const kept = new Set([0]);
      for (let i = below(c); i > 0; i -= 1) kept.add(below(n));
      const states = [...kept].sort((a, b) => a - b);
      const run = sweep(states, n, c);
      expect(run.extraSteps).toBe(extraStepsFor(states, n, c));
      expect(run.extraSteps).toBeGreaterThanOrEqual(minimalExtraSteps(n, c));
      expect(run.peakSlots).toBeLessThanOrEqual(c);
    }
  });

  it('costs nothing where every state is held', () => {
    expect(extraStepsFor([0, 1, 2, 3, 4], 5, 4)).toBe(0);
    expect(extraStepsFor([0], 1, 1)).toBe(0);
    expect(extraStepsFor([0], 5, 1)).toBe(6);
  });
});
