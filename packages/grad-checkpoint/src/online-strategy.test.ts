import { ArgumentError, pi, rungeKutta, type Method } from '@odegrad/core';
import { backprop } from '@odegrad/grad-backprop';
import { bosh3, dopri5, euler, rk4 } from '@odegrad/tableaux';
import { linear, neuralField, noiseVector, relativeError, runTrial, type Outcome } from '@odegrad/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { extraStepsFor } from './cost.ts';
import { online } from './index.ts';
import { createOnline } from './online.ts';
import { minimalAdvances, repetitions } from './revolve.ts';

/** Bytes of the states of `neural`. */
const STATE = 24;
const neural = { field: neuralField(3, 4), y0: noiseVector(9, 3), ts: [0, 1.2] };
const METHODS: readonly (readonly [string, Method])[] = [
  ['equal steps', { solver: rungeKutta(rk4), stepping: { numSteps: 50 } }],
  ['dopri5', { solver: rungeKutta(dopri5), stepping: { rtol: 1e-9, atol: 1e-9, controller: pi } }],
  [
    'bosh3',
    { solver: rungeKutta(bosh3), stepping: { rtol: 1e-7, atol: 1e-7, firstStep: 1, controller: pi } },
  ],
];

describe.each(METHODS)('online checkpointing with %s', (_, method) => {
  const reference = runTrial(backprop, { ...neural, method });
  const steps = reference.stats.accepted;
  const { stages } = method.solver;
  const counts = Array.from({ length: 12 }, (_, i) => i + 1);
  let outcomes: readonly (readonly [c: number, Outcome])[];
  beforeAll(() => {
    outcomes = counts.map((c) => [c, runTrial(online({ checkpoints: c }), { ...neural, method })] as const);
  });

  it('gives the gradient of backprop for every c', () => {
    expect(outcomes).toHaveLength(12);
    for (const [, { gradient, repeated, live, bytes }] of outcomes) {
      expect(relativeError(gradient, reference.gradient)).toBeLessThan(1e-12);
      expect(relativeError(repeated, reference.gradient)).toBeLessThan(1e-12);
      expect([live, bytes]).toEqual([0, 0]);
    }
  });

  it('never keeps more than c states in the forward pass, and the stages of one step besides in the backward', () => {
    for (const [c, { forward, stats }] of outcomes) {
      expect(forward.keptStateBytesPeak).toBeLessThanOrEqual(c * STATE);
      // To go back from y0 takes two.
      expect(stats.keptStateBytesPeak).toBeLessThanOrEqual((Math.max(c, 2) + stages - 1) * STATE);
    }
  });

  it('advances again what its placements make necessary, within the bound of minimal repetition', () => {
    expect(steps).toBeGreaterThan(10);
    expect(outcomes[0]![1].stats.extraSteps).toBe(minimalAdvances(steps, 1));
    for (const [c, { stats }] of outcomes.slice(1)) {
      const { extraSteps } = stats;
      const schedule = createOnline(c - 1);
      for (let n = 0; n < steps; n++) schedule.accept(n);
      expect(extraSteps).toBe(extraStepsFor(schedule.kept(), steps, c - 1));
      expect(extraSteps).toBeLessThanOrEqual(Math.max(0, repetitions(steps, c - 1) - 1) * (steps - 1));
    }
  });
});

describe('online checkpointing', () => {
  it('holds 20 states by default', () => {
    const trial = { ...neural, method: METHODS[0]![1] };
    expect(runTrial(online(), trial).stats).toEqual(runTrial(online({ checkpoints: 20 }), trial).stats);
  });

  it('takes 10,000 steps with 20 states in the memory of 20 states', () => {
    const trial = { field: linear(-1), y0: Float64Array.of(1), ts: [0, 1], timeGradients: false };
    const run = (numSteps: number) =>
      runTrial(online({ checkpoints: 20 }), {
        ...trial,
        method: { solver: rungeKutta(euler), stepping: { numSteps } },
      }).stats;
    const many = run(10_000);
    expect(many.bytesPeak).toBe(run(100).bytesPeak);
    expect(many.keptStateBytesPeak).toBe(20 * 8);
  });

  it('refuses a number of states that is none', () => {
    for (const checkpoints of [0, 2.5, NaN]) expect(() => online({ checkpoints })).toThrow(ArgumentError);
  });
});
