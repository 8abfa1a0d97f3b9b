import { rungeKutta } from '@odegrad/core';
import { dopri5, euler, midpoint, rk4 } from '@odegrad/tableaux';
import { describeCost, describeGradient, neuralField, noiseVector, runTrial } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import plugin, { backprop } from './index.ts';
import * as exported from './index.ts';

describeGradient(backprop, { solvers: [midpoint, dopri5].map(rungeKutta) });

describeCost(backprop, [euler, midpoint, rk4, dopri5].map(rungeKutta), ({ steps, stages, components }) => ({
  evaluationsForward: stages * steps * components,
  evaluationsBackward: 0,
  pullbacks: stages * steps * components,
  keptStates: stages * steps * components,
  activations: stages * steps * components,
}));

describe('the package', () => {
  it('has these public names, and a plugin with the strategy', () => {
    expect(Object.keys(exported).sort()).toEqual(['backprop', 'default']);
    expect(plugin).toEqual({ name: '@odegrad/grad-backprop', gradients: [backprop] });
    expect(backprop).toMatchObject({ name: 'backprop', exact: true });
  });
});

describe('backprop', () => {
  it('evaluates nothing again, whatever steps were rejected', () => {
    const { stats } = runTrial(backprop, {
      field: neuralField(),
      y0: noiseVector(9, 3),
      ts: [0, 1, 3],
      method: {
        solver: rungeKutta(dopri5),
        stepping: { rtol: 1e-7, atol: 1e-9, firstStep: 3, controller: { name: 'halve', next: halve } },
      },
    });
    expect(stats.rejected).toBeGreaterThan(1);
    expect(stats.evaluationsBackward).toBe(0);
    expect(stats.pullbacks).toBe(6 * stats.accepted);
  });
});

function halve([norm]: readonly number[]): { accept: boolean; factor: number } {
  return norm! <= 1 ? { accept: true, factor: 1.5 } : { accept: false, factor: 0.5 };
}
