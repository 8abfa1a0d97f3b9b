import { rungeKutta } from '@odegrad/core';
import { dopri5, dopri8, euler, midpoint, rk4 } from '@odegrad/tableaux';
import { describeCost, describeGradient } from '@odegrad/testkit';
import { expect, it } from 'vitest';
import plugin, { binomial, checkpoint, online, recompute, resolve, stages } from './index.ts';
import * as exported from './index.ts';

const solvers = [euler, midpoint, rk4, dopri5, dopri8].map(rungeKutta);

describeGradient(checkpoint, { solvers: [midpoint, dopri5].map(rungeKutta) });

describeCost(checkpoint, solvers, ({ steps: n, stages: s, components: m }) => ({
  evaluationsForward: s * n * m,
  evaluationsBackward: s * n * m,
  pullbacks: s * n * m,
  keptStates: n * m,
  activations: s,
}));

describeGradient(recompute, { solvers: [midpoint, dopri5].map(rungeKutta) });

describeCost(recompute, solvers, ({ steps: n, stages: s, components: m }) => ({
  evaluationsForward: s * n * m,
  evaluationsBackward: s * n * m,
  pullbacks: s * n * m,
  keptStates: m,
  // One component after another.
  activations: n * s,
  extraSteps: (n - 1) * m,
}));

describeGradient(stages, { solvers: [midpoint, dopri5].map(rungeKutta) });

describeCost(stages, solvers, ({ steps: n, stages: s, components: m }) => ({
  evaluationsForward: s * n * m,
  evaluationsBackward: s * n * m,
  pullbacks: s * n * m,
  // The state of the first stage is the step's own.
  keptStates: s * n * m,
  activations: 1,
}));

// As few states as there can be, and some.
for (const strategy of [1, 3].flatMap((checkpoints) => [
  binomial({ checkpoints }),
  online({ checkpoints }),
])) {
  describeGradient(strategy, { solvers: [midpoint, dopri5].map(rungeKutta) });
}
describeGradient(resolve, { solvers: [midpoint, dopri5].map(rungeKutta) });

it('has these public names, and a plugin with every strategy', () => {
  const names = ['auto', 'binomial', 'checkpoint', 'online', 'recompute', 'resolve', 'stages'];
  expect(Object.keys(exported).sort()).toEqual([...names, 'default', 'minimalExtraSteps'].sort());
  expect(plugin.name).toBe('@odegrad/grad-checkpoint');
  expect(plugin.gradients!.map(({ name }) => name).sort()).toEqual(names);
  for (const { name, exact } of plugin.gradients!) expect([name, exact]).toEqual([name, true]);
});
