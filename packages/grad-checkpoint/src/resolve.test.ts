import { createLedger, rungeKutta, type Solution } from '@odegrad/core';
import { dopri5, euler, rk4 } from '@odegrad/tableaux';
import { createFloat64Engine, describeCost, float64Field, neuralField, noiseVector } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { resolve } from './index.ts';

describeCost(resolve, [euler, rk4, dopri5].map(rungeKutta), ({ steps: n, stages: s, components: m }) => ({
  evaluationsForward: s * n * m,
  evaluationsBackward: (s * (n - 1) + (2 * s - 1) * n) * m,
  pullbacks: s * n * m,
  keptStates: m,
  activations: 1,
  extraSteps: (n - 1) * m,
}));

describe('solving again', () => {
  it.each([
    [1, 8],
    [3, 8],
    [5, 20],
  ])('keeps M + N + O(s) states for %i solves of %i steps', (components, numSteps) => {
    const engine = createFloat64Engine();
    const ledger = createLedger();
    const solver = rungeKutta(rk4);
    const solutions: Solution<Float64Array>[] = [];
    let y0: readonly Float64Array[] = [noiseVector(9, 3)];
    for (let m = 0; m < components; m++) {
      const problem = { field: float64Field(engine, neuralField(3, 4, m)), y0, ts: [0, 1] };
      solutions.push(resolve.solve(problem, { solver, stepping: { numSteps }, ledger }));
      y0 = solutions.at(-1)!.ys[1]!;
    }
    expect(ledger.keptStateBytesPeak).toBe(components * 24);
    const owned: Float64Array[] = [];
    let cotangent: readonly Float64Array[] = [noiseVector(10, 3)];
    for (const solution of solutions.toReversed()) {
      const gradient = solution.pullback([undefined, cotangent]);
      owned.push(...gradient.y0, ...gradient.parameters);
      cotangent = gradient.y0;
      solution.release();
    }
    // The states of one solve and of the stages of its last step; y0 of that solve is among the M.
    expect(ledger.keptStateBytesPeak).toBe((components - 1 + numSteps + solver.stages - 1) * 24);
    owned.forEach(engine.release);
    expect(engine.live()).toBe(0);
  });
});
