import { rungeKutta, pi, type Method } from '@odegrad/core';
import { backprop } from '@odegrad/grad-backprop';
import { bosh3, cashKarp, dopri5, euler, rk4 } from '@odegrad/tableaux';
import { leastBytes, neuralField, noiseVector, relativeError, runTrial, type Trial } from '@odegrad/testkit';
import { expect, it } from 'vitest';
import { auto } from './index.ts';

/** Budgets are tried five times as close together. */
const ALL = Boolean(process.env['ODEGRAD_ALL']);

const stepping = { rtol: 1e-3, atol: 1e-3, firstStep: 10, controller: pi };
const METHODS: readonly Method[] = [
  ...[euler, rk4, dopri5].map((tableau) => ({ solver: rungeKutta(tableau), stepping: { numSteps: 6 } })),
  ...[dopri5, bosh3, cashKarp].map((tableau) => ({ solver: rungeKutta(tableau), stepping })),
];

it.each([8, 100, 2000])(
  'auto keeps its budget where states are read off steps, the last included, with %i bytes of activations',
  (activationBytes) => {
    for (const method of METHODS) {
      for (const timeGradients of ALL ? [false, true] : [activationBytes !== 100]) {
        const trial: Trial = {
          field: { ...neuralField(3, 4), activationBytes },
          y0: noiseVector(9, 3),
          ts: [0, 4],
          between: [0.3, 1.1, 1.15, 2.7, 3.95],
          ...{ method, timeGradients },
        };
        const reference = runTrial(backprop, trial);
        const top = 1.3 * reference.stats.bytesPeak;
        const least = leastBytes(auto, trial);
        for (let maxBytes = least; maxBytes < top; maxBytes += Math.ceil((top - least) / (ALL ? 36 : 7))) {
          const { stats, gradient } = runTrial(auto({ maxBytes }), trial);
          expect(stats.bytesPeak, method.solver.name).toBeLessThanOrEqual(maxBytes);
          expect(relativeError(gradient, reference.gradient)).toBeLessThan(1e-12);
        }
      }
    }
  },
);
