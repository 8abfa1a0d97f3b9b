import { createRegistry } from '@odegrad/core';
import tfjs, { solve, type OdeOptions } from '@odegrad/engine-tfjs';
import { onnx } from '@odegrad/engine-onnx';
import { wasm } from '@odegrad/engine-wasm';
import checkpoint from '@odegrad/grad-checkpoint';
import adjoint from '@odegrad/grad-adjoint';
import symplectic from '@odegrad/grad-symplectic';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import plugin from './index.ts';

const registry = createRegistry();
for (const brought of [tfjs, onnx(), wasm(), symplectic, checkpoint, adjoint, plugin]) registry.use(brought);

/** Van der Pol oscillators with μ = 100, one in each row, at points spread over the plane. */
const batch = 16;
const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
  const [x, z] = tf.split(y, 2, 1) as [tf.Tensor, tf.Tensor];
  return tf.concat([z, tf.mul(tf.sub(tf.mul(tf.sub(1, tf.square(x)), z), x), mu)], 1);
};
let mu: tf.Variable;
const start = (): tf.Tensor2D =>
  tf.tensor2d(Array.from({ length: batch }, (_, i) => [2 * Math.cos(i), Math.sin(i)]));

beforeAll(async () => {
  await tf.setBackend('cpu');
  mu = tf.variable(tf.scalar(100));
});

const options: OdeOptions = { registry, solver: 'kvaerno3', gradient: 'symplectic', rtol: 1e-4, atol: 1e-4 };

describe.each(['tfjs', 'onnx', 'wasm'] as const)('engine %s', (engine) => {
  it('solves, with Jacobians by rows, and leaves nothing behind', () => {
    const before = tf.memory().numTensors;
    const y0 = start();
    const solution = solve(f, y0, [0, 0.1], { ...options, engine });
    const forwardOnly = solution.stats.pullbacks;
    const { accepted, rejected } = solution.stats;
    // Two for each Jacobian, however many rows there are, and one that finds the rows apart.
    expect(forwardOnly).toBeLessThan(4 * (accepted + rejected));
    expect(accepted).toBeGreaterThan(2);
    const gradient = solution.pullback(tf.onesLike(solution.ys));
    expect(gradient.y0.shape).toEqual([batch, 2]);
    solution.dispose();
    tf.dispose([gradient.y0, gradient.parameters, y0]);
    expect(tf.memory().numTensors - before).toBeLessThanOrEqual(2);
  });

  it.each(engine === 'tfjs' ? (['float32'] as const) : (['float32', 'float64'] as const))(
    'gives the gradient of the same steps in %s',
    (dtype) => {
      const [exact, actual] = [gradientOf('wasm', 'float64'), gradientOf(engine, dtype)];
      const largest = Math.max(...exact.map(Math.abs));
      exact.forEach((x, i) => {
        expect(Math.abs(actual[i]! - x)).toBeLessThan((dtype === 'float64' ? 1e-12 : 2e-4) * largest);
      });
    },
  );

  it('refuses what cannot be kept to', () => {
    const y0 = start();
    expect(() => solve(f, y0, [0, 0.1], { ...options, engine, gradient: 'auto', maxBytes: 1e6 })).toThrow(
      /'auto' keeps to a budget of bytes, and solver 'kvaerno3'/,
    );
    const solution = solve(f, y0, [0, 0.1], { ...options, engine, gradient: 'adjoint' });
    expect(() => solution.pullback(tf.onesLike(solution.ys))).toThrow(/Take an exact gradient/);
    tf.dispose(y0);
  });
});

/** ∂/∂y0 and ∂/∂μ of the sum of the states after ten steps. */
function gradientOf(engine: 'tfjs' | 'onnx' | 'wasm', dtype: 'float32' | 'float64'): number[] {
  const { rtol: _, atol: __, ...rest } = options;
  const y0 = start();
  const settings = { ...rest, numSteps: 10, engine };
  const numbers = (x: unknown): number[] => [
    ...(x instanceof tf.Tensor ? x.dataSync() : (x as { data: Float64Array }).data),
  ];
  const doubles = { shape: [batch, 2] as const, data: Float64Array.from(y0.dataSync()) };
  const solution =
    dtype === 'float64' ? solve(f, doubles, [0, 0.05], settings) : solve(f, y0, [0, 0.05], settings);
  const ones = new Float64Array(4 * batch).fill(1);
  const gradient = (
    solution as { pullback(k: unknown): { y0: unknown; parameters: Record<string, unknown> } }
  ).pullback(dtype === 'float64' ? ones : tf.tensor(Float32Array.from(ones), [2, batch, 2]));
  solution.dispose();
  const entries = [gradient.y0, ...Object.values(gradient.parameters)].flatMap(numbers);
  expect(entries).toHaveLength(2 * batch + 1);
  return entries;
}
