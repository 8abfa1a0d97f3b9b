import { createRegistry, type Registry, type Solver } from '@odegrad/core';
import { solve, type FlatField } from '@odegrad/engine-tfjs';
import { backprop } from '@odegrad/grad-backprop';
import { checkpoint, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { Draws, halfway } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { wasm } from '../wasm.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const gradients = { backprop, symplectic, checkpoint, stages };
const registryWith = (fuse: boolean): Registry =>
  createRegistry()
    .use(tableaux)
    .use(wasm({ fuse }))
    .use({ name: 'all', gradients: Object.values(gradients) });
const registries = { whole: registryWith(true), stages: registryWith(false) };

/** Rows that fill lanes, and that do not; rows apart, and rows that meet; a time and an integral that f does not read. */
const fields: Readonly<
  Record<string, readonly [rows: number, f: (w: tf.Tensor2D, b: tf.Tensor1D) => FlatField]>
> = {
  'rows apart': [
    9,
    (w, b) =>
      (t, [y]) => [tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, w), tf.mul(b, tf.sin(t))))],
  ],
  'two rows': [
    2,
    (w, b) =>
      (_, [y]) => [tf.sub(tf.sigmoid(tf.add(tf.matMul(y as tf.Tensor2D, w), b)), y!)],
  ],
  'rows that meet': [
    5,
    (w, b) =>
      (t, [y]) => {
        const hidden = tf.softplus(tf.add(tf.matMul(y as tf.Tensor2D, w), b));
        return [tf.mul(tf.sub(hidden, tf.mean(hidden, 0)), tf.cos(t))];
      },
  ],
};

/** ys at all times, and gradients, of doubles. */
function run(
  fuse: boolean,
  gradient: string,
  name: string,
  solver: string | Solver,
  stepping: object,
): number[][] {
  const [rows, make] = fields[name]!;
  const draws = new Draws(5);
  const values = (n: number): number[] => Array.from({ length: n }, () => draws.uniform(-1, 1));
  const [w, b] = [tf.variable(tf.tensor2d(values(9), [3, 3])), tf.variable(tf.tensor1d(values(3)))];
  const f = make(w, b);
  const y0 = { shape: [rows, 3], data: Float64Array.from(values(3 * rows)) };
  const solution = solve((t, y: tf.Tensor) => f(t, [y])[0]!, y0, [0, 0.4, 1], {
    ...{ solver, gradient, engine: 'wasm', registry: fuse ? registries.whole : registries.stages },
    ...stepping,
  });
  const c = { shape: [3, rows, 3], data: Float64Array.from(values(9 * rows)) };
  const { y0: gy, parameters } = solution.pullback(c);
  const results = [solution.ys, gy, ...Object.values(parameters)].map(({ data }) => Array.from(data));
  solution.dispose();
  tf.dispose([w, b]);
  return results;
}

describe.each(Object.keys(fields))('whole steps, %s,', (name) => {
  test.each(Object.keys(gradients))('are those of stages one by one with %s', (gradient) => {
    for (const [solver, stepping] of [
      ['rk4', { numSteps: 3 }],
      // Without a tableau.
      [halfway, { numSteps: 4 }],
      ['dopri5', { numSteps: 70 }],
      ['dopri5', { rtol: 1e-6, atol: 1e-6 }],
    ] as const) {
      const [whole, apart] = [true, false].map((fuse) => run(fuse, gradient, name, solver, stepping));
      expect(whole!.length).toBe(apart!.length);
      apart!.forEach((x, i) => {
        const scale = Math.max(1, ...x.map(Math.abs));
        x.forEach((entry, k) => {
          expect(Math.abs(whole![i]![k]! - entry) / scale).toBeLessThan(1e-13);
        });
      });
    }
  });
});
