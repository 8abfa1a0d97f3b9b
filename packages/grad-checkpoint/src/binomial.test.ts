import { ArgumentError, createLedger, pi, rungeKutta, type ButcherTableau, type Method } from '@odegrad/core';
import { backprop } from '@odegrad/grad-backprop';
import { bosh3, dopri5, euler, rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  float64Field,
  linear,
  neuralField,
  noiseVector,
  relativeError,
  runTrial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { extraStepsFor } from './cost.ts';
import { binomial } from './index.ts';
import { createOnline } from './online.ts';
import { minimalAdvances, minimalExtraSteps, placements, repetitions } from './revolve.ts';

/** Bytes of the states of `neural`. */
const STATE = 24;
const neural = { field: neuralField(3, 4), y0: noiseVector(9, 3), ts: [0, 1.2] };
const scalar = { field: linear(-1), y0: Float64Array.of(1), ts: [0, 1], timeGradients: false };
const equal = (numSteps: number, tableau: ButcherTableau = euler): Method => ({
  solver: rungeKutta(tableau),
  stepping: { numSteps },
});
const adaptive: Method = {
  solver: rungeKutta(bosh3),
  stepping: { rtol: 1e-6, atol: 1e-6, controller: pi },
};

/** N ≤ 60 and every c with ODEGRAD_ALL. */
const ALL = Boolean(process.env['ODEGRAD_ALL']);
const most = ALL ? 60 : 32;
const counts = ALL ? Array.from({ length: 12 }, (_, i) => i + 1) : [1, 2, 3, 5, 8, 12];

describe('binomial checkpointing', () => {
  it(`advances as few steps again as is possible, for N ≤ ${most} and c ≤ 12`, () => {
    for (let c = 1; c <= 12; c++) {
      for (let n = 1; n <= most; n++) {
        const { stats } = runTrial(binomial({ checkpoints: c }), { ...scalar, method: equal(n) });
        expect([n, c, stats.extraSteps]).toEqual([n, c, minimalExtraSteps(n, c)]);
        expect(stats.evaluationsBackward).toBe(n + minimalExtraSteps(n, c));
      }
    }
  });

  it.each([
    ['equal', equal(23, rk4)],
    ['equal', equal(13, dopri5)],
    ['adaptive', adaptive],
  ])('gives the gradient of backprop for every c with %s steps, again and again', (_, method) => {
    const reference = runTrial(backprop, { ...neural, method });
    for (const c of counts) {
      const { gradient, repeated, live, bytes } = runTrial(binomial({ checkpoints: c }), {
        ...neural,
        method,
      });
      expect(relativeError(gradient, reference.gradient)).toBeLessThan(1e-12);
      expect(relativeError(repeated, reference.gradient)).toBeLessThan(1e-12);
      expect([live, bytes]).toEqual([0, 0]);
    }
  });

  it('holds c states and the stages of one step, with the activations of one evaluation', () => {
    const method = equal(40, rk4);
    for (let c = 1; c <= 12; c++) {
      const { stats, forward } = runTrial(binomial({ checkpoints: c }), { ...neural, method });
      expect(forward.keptStateBytes).toBeLessThanOrEqual((c + 1) * STATE);
      expect(stats.keptStateBytesPeak).toBeLessThanOrEqual((c + 4) * STATE);
      expect(stats.activationBytesPeak).toBe(64);
      // And the stages of every step but the last are evaluated again: 2s − 1 a step.
      expect(stats.evaluationsBackward).toBe(4 * stats.extraSteps + 7 * 40);
    }
  });

  it('is reversed in the fewest steps from y0 when it is pulled back once more', () => {
    const engine = createFloat64Engine();
    const ledger = createLedger();
    const problem = { field: float64Field(engine, neural.field), y0: [neural.y0], ts: neural.ts };
    const solution = binomial({ checkpoints: 3 }).solve(problem, { ...equal(30), ledger });
    for (const extra of [minimalExtraSteps(30, 3), minimalAdvances(30, 3), minimalAdvances(30, 3)]) {
      const before = ledger.extraSteps;
      const { y0, parameters } = solution.pullback([undefined, [noiseVector(1, 3)]]);
      [...y0, ...parameters].forEach(engine.release);
      expect(ledger.extraSteps - before).toBe(extra);
    }
    solution.release();
    expect(engine.live()).toBe(0);
  });

  it('has all slots for the steps that a cotangent reaches', () => {
    const ts = [0, 0.5, 1];
    const cotangents = [undefined, noiseVector(5, 3), undefined];
    for (let c = 1; c <= 6; c++) {
      const trial = { ...neural, ts, cotangents, method: equal(30) };
      const { stats } = runTrial(binomial({ checkpoints: c }), trial);
      const kept = placements(60, c).filter((n) => n < 30);
      // State 29 is not at hand, as if one more step had been taken.
      expect(stats.extraSteps).toBe(extraStepsFor(kept, 31, c));
    }
  });

  it('places states online where the number of steps is unknown', () => {
    for (const c of [1, 2, 5]) {
      const { stats } = runTrial(binomial({ checkpoints: c }), { ...neural, method: adaptive });
      const schedule = createOnline(c);
      for (let n = 0; n < stats.accepted; n++) schedule.accept(n);
      expect(stats.accepted).toBeGreaterThan(20);
      expect(stats.extraSteps).toBe(extraStepsFor(schedule.kept(), stats.accepted, c));
    }
  });

  it('takes by default the fewest states with which no step is advanced more than twice', () => {
    for (const [n, c] of [
      [1, 1],
      [3, 1],
      [4, 2],
      [6, 2],
      [7, 3],
      [100, 13],
    ] as const) {
      expect(repetitions(n, c)).toBeLessThanOrEqual(2);
      if (c > 1) expect(repetitions(n, c - 1)).toBeGreaterThan(2);
      const method = equal(n);
      const { stats } = runTrial(binomial(), { ...neural, method });
      expect(stats).toEqual(runTrial(binomial({ checkpoints: c }), { ...neural, method }).stats);
    }
    const twenty = runTrial(binomial({ checkpoints: 20 }), { ...neural, method: adaptive });
    expect(runTrial(binomial(), { ...neural, method: adaptive }).stats).toEqual(twenty.stats);
  });

  it('takes 10,000 steps with 20 states in the memory of 20 states', () => {
    const few = runTrial(binomial({ checkpoints: 20 }), { ...scalar, method: equal(100) });
    const many = runTrial(binomial({ checkpoints: 20 }), { ...scalar, method: equal(10_000) });
    expect(many.stats.bytesPeak).toBe(few.stats.bytesPeak);
    expect(many.stats.bytesPeak).toBeLessThan(40 * 8 + 64);
    expect(many.stats.extraSteps).toBe(27_977);
  });

  it('refuses a number of states that is none', () => {
    for (const checkpoints of [0, -1, 1.5, NaN, Infinity]) {
      expect(() => binomial({ checkpoints })).toThrow(ArgumentError);
      expect(() => binomial({ checkpoints })).toThrow('a positive integer');
    }
  });
});
