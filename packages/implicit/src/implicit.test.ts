import { forward, type Method, type Solver } from '@odegrad/core';
import { symplectic } from '@odegrad/grad-symplectic';
import { backprop } from '@odegrad/grad-backprop';
import {
  centralDifferences,
  neuralField,
  noiseVector,
  relativeError,
  riccati,
  riccatiSolution,
  runTrial,
  type Point,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import plugin, * as exported from './index.ts';

const solvers = plugin.solvers as readonly Solver[];
void exported; void forward;

describe.each(solvers.map((solver) => [solver.name, solver] as const))('%s', (_, solver) => {
  it('has its order on a problem that depends on time', () => {
    const error = (numSteps: number): number => {
      const method: Method = { solver, stepping: { numSteps } };
      const { ys } = runTrial(symplectic, { field: riccati, y0: Float64Array.of(0.8), ts: [0, 1.2], method, timeGradients: false });
      return Math.abs(ys[1]![0]! - riccatiSolution(1.2, 0.8));
    };
    const [coarse, fine] = solver.order > 5 ? [6, 12] : [8, 16];
    console.log(solver.name, Math.log2(error(coarse) / error(fine)), error(fine));
  });

  it('gives the gradient of the discrete solution', () => {
    const field = neuralField(2, 3);
    const method: Method = { solver, stepping: { numSteps: 2 } };
    const point = { field, y0: noiseVector(9, 2), ts: [0, 0.4, 1.1] };
    const cotangents = point.ts.map((_, i) => noiseVector(20 + i, 2));
    const loss = (p: Point): number => {
      const { ys } = runTrial(symplectic, { ...p, method, timeGradients: false });
      return ys.reduce((sum, y, i) => y.reduce((part, x, m) => part + x * cotangents[i]![m]!, sum), 0);
    };
    const extrapolated = (): ReturnType<typeof centralDifferences> => {
      const [d1, d2] = [centralDifferences(loss, point, 1e-3), centralDifferences(loss, point, 2e-3)];
      const mix = (x: ArrayLike<number>, y: ArrayLike<number>) => Float64Array.from(x, (v, i) => (4 * v - y[i]!) / 3);
      return { y0: mix(d1.y0, d2.y0), parameters: d1.parameters.map((p, i) => mix(p, d2.parameters[i]!)), ts: [...mix(d1.ts, d2.ts)] };
    };
    const differences = extrapolated();
    for (const strategy of [symplectic, backprop]) {
      const { gradient, live, repeated, stats } = runTrial(strategy, { ...point, method });
      console.log(solver.name, strategy.name, relativeError(gradient, differences), live, stats.evaluationsForward, stats.evaluationsBackward, stats.pullbacks);
      expect(repeated).toEqual(gradient);
    }
  });
});
