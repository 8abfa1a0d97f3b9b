import { createLedger, createRegistry } from '@odegrad/core';
import { solve, type OdeOptions } from '@odegrad/engine-tfjs';
import { backprop } from '@odegrad/grad-backprop';
import { checkpoint, recompute } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry().use(tableaux).use(onnx());
const stages = createRegistry()
  .use(tableaux)
  .use(onnx({ fuse: false }));
const ts = [0, 0.2, 0.31, 0.9, 1.5];
let weights: tf.Variable;
const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
  tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, weights as tf.Tensor2D), tf.sin(tf.mul(t, 2))));

beforeAll(async () => {
  await tf.setBackend('cpu');
  weights = tf.variable(tf.tensor2d([0.3, -0.7, 0.9, 0.2], [2, 2]));
});

/** States, and the gradient of the sum of their squares, in doubles. */
function tried(
  options: OdeOptions,
  y0 = [0.4, -0.2],
): { ys: Float64Array; y: Float64Array; w: Float64Array } {
  const state = { shape: [1, 2], data: Float64Array.from(y0) };
  const solution = solve(f, state, ts, { registry, engine: 'onnx', ...options });
  const { data } = solution.ys;
  const { y0: y, parameters } = solution.pullback({ shape: [5, 1, 2], data: data.map((x) => 2 * x) });
  const [w] = Object.values(parameters) as unknown as [{ data: Float64Array }];
  solution.dispose();
  return { ys: data, y: y.data, w: w.data };
}

describe.each([symplectic, backprop, checkpoint, recompute])('states read off steps, $name', (gradient) => {
  it.each<readonly [string, OdeOptions]>([
    ['adaptive', { rtol: 1e-9, atol: 1e-11 }],
    ['constant', { solver: 'rk4', numSteps: 7, outputs: 'interpolate' }],
  ])(
    'are the same by whole steps and by stages, with %s steps, and their gradient by differences',
    (_, how) => {
      const options = { ...how, gradient };
      const [whole, byStages] = [tried(options), tried({ ...options, registry: stages })];
      for (const part of ['ys', 'y', 'w'] as const)
        whole[part].forEach((x, i) => expect(Math.abs(x - byStages[part][i]!)).toBeLessThan(1e-13));
      const square = (y0: number[]): number => tried(options, y0).ys.reduce((sum, x) => sum + x * x, 0);
      // Steps of another start are others where they are adaptive, to the tolerance.
      const eps = 1e-5;
      const slopes = [0, 1].map((i) => {
        const moved = (by: number): number[] => [0.4, -0.2].map((x, j) => (i === j ? x + by : x));
        return (square(moved(eps)) - square(moved(-eps))) / (2 * eps);
      });
      slopes.forEach((slope, i) => expect(Math.abs(slope - whole.y[i]!)).toBeLessThan(1e-6));
    },
  );
});

it('cost no evaluation', () => {
  const counted = (times: readonly number[]): number => {
    const ledger = createLedger();
    const state = { shape: [1, 2], data: Float64Array.of(0.4, -0.2) };
    solve(f, state, times, { registry, engine: 'onnx', gradient: symplectic, ledger }).dispose();
    return ledger.evaluationsForward;
  };
  expect(counted(ts)).toBe(counted([0, 1.5]));
});
