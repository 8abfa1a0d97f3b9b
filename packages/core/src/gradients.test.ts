import { describe, expect, it } from 'vitest';
import { adjoint } from '@odegrad/grad-adjoint';
import { backprop } from '@odegrad/grad-backprop';
import { checkpoint, recompute, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { createFloat64Engine, float64Field, neuralField, noiseVector } from '@odegrad/testkit';
import { dopri5, rk4 } from '@odegrad/tableaux';
import { pi, rungeKutta, type Method, type GradientStrategy, type Problem } from './index.ts';

const exact = [backprop, checkpoint, recompute, stages, symplectic];

function gradient(strategy: GradientStrategy, method: Method, ts: number[]) {
  const engine = createFloat64Engine();
  const field = float64Field(engine, neuralField());
  const y0 = [noiseVector(9, 3)];
  const problem: Problem<Float64Array> = { field, y0, ts, timeGradients: true };
  const solution = strategy.solve(problem, method);
  const cotangents = solution.ys.map((_, i) => [noiseVector(20 + i, 3)]);
  const result = solution.pullback(cotangents);
  const again = solution.pullback(cotangents);
  expect(again).toEqual(result);
  const stats = { ...solution.stats };
  solution.release();
  const flat = [...result.y0, ...result.parameters, result.ts].flatMap((x) => [...x]);
  for (const x of [...result.y0, ...result.parameters, ...again.y0, ...again.parameters]) engine.release(x);
  expect(engine.live()).toBe(0);
  expect(solution.stats.bytes).toBe(0);
  return { flat, stats };
}

describe.each([
  ['rk4 fixed', { solver: rungeKutta(rk4), stepping: { numSteps: 3 } }],
  ['dopri5 fixed', { solver: rungeKutta(dopri5), stepping: { numSteps: 3 } }],
  ['dopri5 adaptive', { solver: rungeKutta(dopri5), stepping: { rtol: 1e-4, atol: 1e-6, controller: pi } }],
] as [string, Method][])('%s', (_, method) => {
  it('agrees among exact strategies', () => {
    const reference = gradient(backprop, method, [0, 0.5, 2]);
    for (const strategy of exact) {
      const { flat, stats } = gradient(strategy, method, [0, 0.5, 2]);
      flat.forEach((x, i) => {
        expect(Math.abs(x - reference.flat[i]!)).toBeLessThan(1e-12);
      });
    }
    const { flat, stats } = gradient(adjoint, method, [0, 0.5, 2]);
  });
});
