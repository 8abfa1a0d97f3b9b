import { createRegistry } from '@odegrad/core';
import tfjs, { odeint, type OdeOptions } from '@odegrad/engine-tfjs';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { augmented } from './index.ts';

const registry = createRegistry().use(tableaux).use(symplectic).use(tfjs);
const ode: OdeOptions = { registry, solver: 'rk4', numSteps: 8 };

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('adds columns of zeros and takes them away', () => {
  const model = augmented({ dimension: 2, extra: 3, hidden: [4] });
  tf.tidy(() => {
    const x = tf.tensor2d([
      [1, 2],
      [3, 4],
    ]);
    const state = model.augment(x);
    expect(state.arraySync()).toEqual([
      [1, 2, 0, 0, 0],
      [3, 4, 0, 0, 0],
    ]);
    expect(model.project(state).arraySync()).toEqual(x.arraySync());
    expect(model.apply(x, ode).shape).toEqual([2, 5]);
  });
  tf.dispose(model.variables);
});

it('has room for x → −x, where trajectories on a line would meet', () => {
  const model = augmented({ dimension: 1, hidden: [4] });
  tf.tidy(() => {
    const x = tf.tensor2d([[1], [-0.5], [2]]);
    // Half a turn in the plane.
    const turn = tf.tensor2d([
      [0, Math.PI],
      [-Math.PI, 0],
    ]);
    const ys = odeint((_t, y) => tf.matMul(y, turn), model.augment(x), [0, 1], { ...ode, numSteps: 20 });
    const end = model.project(tf.reshape(tf.slice(ys, 1), [3, 2]));
    expect(tf.max(tf.abs(tf.add(end, x))).dataSync()[0]).toBeLessThan(1e-4);
  });
  tf.dispose(model.variables);
});

it('learns x → −x, and leaves no tensor behind', () => {
  const before = tf.memory().numTensors;
  const model = augmented({ dimension: 1, hidden: [16], seed: 2 });
  const x = tf.tensor2d([[-1], [-0.5], [0.5], [1]]);
  const optimizer = tf.train.adam(0.05);
  const losses = Array.from({ length: 60 }, () =>
    tf.tidy(
      () =>
        optimizer
          .minimize(
            () => tf.mean<tf.Scalar>(tf.square(tf.add(model.project(model.apply(x, ode)), x))),
            true,
            [...model.variables],
          )!
          .dataSync()[0]!,
    ),
  );
  expect(losses.at(-1)).toBeLessThan(0.02 * losses[0]!);
  optimizer.dispose();
  tf.dispose([x, ...model.variables]);
  expect(tf.memory().numTensors).toBe(before);
});

it('refuses sizes that make no sense', () => {
  expect(() => augmented({ dimension: 1, extra: 0 })).toThrow(/sizes from 1 on, not 0/);
});
