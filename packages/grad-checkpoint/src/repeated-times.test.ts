import { pi, rungeKutta, SolveError, type FixedStepping, type AdaptiveStepping } from '@odegrad/core';
import { backprop } from '@odegrad/grad-backprop';
import { bosh3, dopri5, euler, rk4 } from '@odegrad/tableaux';
import { neuralField, noiseVector, relativeError, runTrial, type Trial } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { auto } from './auto.ts';

const adaptive: AdaptiveStepping = { rtol: 1e-3, atol: 1e-5, controller: pi };
const methods: readonly (readonly [string, Trial['method']])[] = (
  [
    [euler, { numSteps: 7 }],
    [rk4, { stepSize: 0.07 }],
    [bosh3, adaptive],
    [dopri5, adaptive],
  ] as const
).map(([tableau, stepping]: readonly [typeof rk4, FixedStepping | AdaptiveStepping]) => [
  tableau.name,
  { solver: rungeKutta(tableau), stepping },
]);

/** The least budget, which the error for one byte names. */
function leastBytes(trial: Trial): number {
  try {
    runTrial(auto({ maxBytes: 1 }), trial);
  } catch (error) {
    if (error instanceof SolveError) return error.leastBytes!;
    throw error;
  }
  throw new Error('One byte was enough.');
}

describe('budgets where output times are repeated', () => {
  it.each(methods)('are kept to, and give the gradient of backprop: %s', (_, method) => {
    for (const timeGradients of [true, false]) {
      for (const ts of [
        [0, 0, 0, 0.4, 0.4, 1.1, 1.1, 1.1],
        [1, 0.7, 0.7, -0.2],
      ]) {
        const trial: Trial = { field: neuralField(3, 4), y0: noiseVector(9, 3), ts, method, timeGradients };
        const expected = runTrial(backprop, trial);
        const least = leastBytes(trial);
        // Those of the times that differ: a repeated output takes nothing.
        expect(least).toBe(leastBytes({ ...trial, ts: [...new Set(ts)] }));
        for (const factor of [1, 1.3, 2, 4, 16]) {
          const maxBytes = Math.floor(least * factor);
          const { gradient, forward, stats, live } = runTrial(auto({ maxBytes }), trial);
          expect(relativeError(gradient, expected.gradient)).toBeLessThan(1e-12);
          expect(Math.max(forward.bytesPeak, stats.bytesPeak)).toBeLessThanOrEqual(maxBytes);
          expect(live).toBe(0);
        }
      }
    }
  });
});

it('of the budget of the strategy and that of the solve the smaller one counts', () => {
  const [, method] = methods[1]!;
  const trial: Trial = { field: neuralField(3, 4), y0: noiseVector(9, 3), ts: [0, 1], method };
  const least = leastBytes(trial);
  for (const [own, solves] of [
    [least, 1e6],
    [1e6, least],
  ] as const) {
    const limited: Trial = { ...trial, method: { ...method, maxBytes: solves } };
    expect(runTrial(auto({ maxBytes: own }), limited).stats.bytesPeak).toBeLessThanOrEqual(least);
  }
  expect(() =>
    runTrial(auto({ maxBytes: 1e6 }), { ...trial, method: { ...method, maxBytes: least - 1 } }),
  ).toThrow(SolveError);
});
