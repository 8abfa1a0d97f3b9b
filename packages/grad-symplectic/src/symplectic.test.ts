import { rungeKutta } from '@odegrad/core';
import { dopri5, dopri8, euler, midpoint, rk4 } from '@odegrad/tableaux';
import { describeCost, describeGradient } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import plugin, { symplectic } from './index.ts';
import * as exported from './index.ts';

describeGradient(symplectic, { solvers: [midpoint, dopri5].map(rungeKutta) });

describeCost(
  symplectic,
  [euler, midpoint, rk4, dopri5, dopri8].map(rungeKutta),
  ({ steps, stages, components }) => ({
    evaluationsForward: stages * steps * components,
    evaluationsBackward: (2 * stages - 1) * steps * components,
    pullbacks: stages * steps * components,
    keptStates: steps * components,
    activations: 1,
  }),
);

describe('the package', () => {
  it('has these public names, and a plugin with the strategy', () => {
    expect(Object.keys(exported).sort()).toEqual(['default', 'symplectic']);
    expect(plugin).toEqual({ name: '@odegrad/grad-symplectic', gradients: [symplectic] });
    expect(symplectic).toMatchObject({ name: 'symplectic', exact: true });
  });
});
