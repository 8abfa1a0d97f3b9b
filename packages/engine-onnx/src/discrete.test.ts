import { Registry } from '@odegrad/core';
import { odeint, smoothGradients } from '@odegrad/engine-tfjs';
import backprop from '@odegrad/grad-backprop';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { onnx } from './onnx.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const registry = new Registry().use(tableaux).use(backprop).use(symplectic).use(onnx());

type F = (t: tf.Scalar, y: tf.Tensor1D, w: tf.Variable) => tf.Tensor1D;

const int = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'int32');
const float = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'float32');
const table = tf.keep(tf.tensor1d([0, 1, 0.5, -1, 0]));

/** Functions that choose by whole numbers and truth values made of t, y or w. */
const functions: Record<string, F> = {
  'interpolation at an index of t': (t, y, w) => {
    const s = tf.mul(t, 3.3);
    const i = int(tf.floor(s));
    const r = tf.sub(s, float(i));
    const [a, b] = [tf.gather(table, i), tf.gather(table, tf.add(i, tf.scalar(1, 'int32')))];
    return tf.sub(tf.add(tf.mul(tf.sub(1, r), a), tf.mul(r, b)), tf.mul(w, y));
  },
  'a remainder after a cast that rounds down by itself': (t, y, w) => {
    const s = tf.mul(y, 2.3);
    return tf.sub(tf.sub(s, float(int(s))), tf.mul(tf.add(w, t), y));
  },
  'an index of y': (t, y, w) =>
    tf.mul(tf.gather(table, int(tf.mul(tf.abs(y), 1.5))), tf.mul(w, tf.add(y, t))),
  'one-hot of the largest entry': (t, y, w) =>
    tf.add(tf.mul(tf.oneHot(tf.cast(tf.argMax(y), 'int32'), 2), tf.mul(w, y)), t),
  'a mask of y': (t, y, w) => tf.mul(float(tf.greater(y, 1)), tf.mul(w, tf.add(y, t))),
  'a mask of w and t': (t, y, w) => tf.mul(float(tf.less(tf.add(w, t), 1.23)), tf.mul(w, y)),
  where: (t, y, w) => tf.where(tf.greater(y, tf.mul(w, 1.5)), tf.mul(w, y), tf.sub(t, tf.square(y))),
  'two conditions': (t, y, w) =>
    tf.where(
      tf.logicalAnd(tf.greater(y, 0.2), tf.less(t, 0.8)),
      tf.mul(w, y),
      tf.neg(tf.mul(w, tf.square(y))),
    ),
  'rounding, signs and remainders': (t, y, w) =>
    tf.add(tf.mul(tf.round(tf.mul(y, 3.1)), w), tf.mul(tf.sign(y), tf.mod(tf.add(tf.mul(y, w), t), 0.9))),
  'indices of a sort': (t, y, w) => tf.mul(w, tf.add(tf.gather(y, tf.topk(y, 2).indices), t)),
};

const w0 = 0.75;
const y0 = [0.4, 1.3];
const end = 0.9;

/** A loss of the solution at the end, as a number. */
function lossAt(f: F, engine: string, { w = w0, y = y0, t1 = end }): number {
  const variable = tf.variable(tf.scalar(w), false);
  const result = tf.tidy(() =>
    loss(
      odeint((t, x: tf.Tensor1D) => f(t, x, variable), tf.tensor1d(y), [0, t1], optionsOf(engine)),
    ).dataSync(),
  );
  variable.dispose();
  return result[0]!;
}

const loss = (ys: tf.Tensor): tf.Scalar => tf.sum(tf.mul(tf.slice(ys, [1]), tf.tensor2d([[1, -0.5]])));
const optionsOf = (engine: string, gradient = 'symplectic'): object => ({
  registry,
  engine,
  gradient,
  solver: 'rk4',
  numSteps: 5,
});

function gradientOf(f: F, engine: string, gradient: string): number[] {
  const w = tf.variable(tf.scalar(w0));
  const [y, ts] = [tf.tensor1d(y0), tf.tensor1d([0, end])];
  const before = tf.memory().numTensors;
  const { value, grads } = tf
    .engine()
    .gradients(
      () => loss(odeint((t, x: tf.Tensor1D) => f(t, x, w), y, ts, optionsOf(engine, gradient))),
      [w, y, ts],
      undefined,
      true,
    );
  const found = grads as (tf.Tensor | undefined)[];
  const numbers = found.flatMap((x, i) => (x ? [...x.dataSync()] : new Array<number>([1, 2, 2][i]!).fill(0)));
  tf.dispose([value, found.filter((x) => x !== undefined)]);
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose([w, y, ts]);
  // The time at which it begins is no matter of differences: the times of all steps move with it.
  numbers.splice(3, 1);
  return numbers;
}

/** Central differences with respect to w, the two entries of y and the end. */
function differences(f: F, h = 2 ** -10): number[] {
  const moved = (i: number, by: number): number =>
    lossAt(f, 'tfjs', {
      w: w0 + (i === 0 ? by : 0),
      y: y0.map((x, k) => x + (i === k + 1 ? by : 0)),
      t1: end + (i === 3 ? by : 0),
    });
  return [0, 1, 2, 3].map((i) => (moved(i, h) - moved(i, -h)) / (2 * h));
}

describe.each(['tfjs', 'replay', 'onnx'])('engine %s', (engine) => {
  test.each(Object.keys(functions))('differentiates %s', (name) => {
    const f = functions[name]!;
    const wanted = differences(f);
    for (const gradient of ['symplectic', 'backprop']) {
      gradientOf(f, engine, gradient).forEach((found, i) => {
        expect(found, `${gradient} ${i}`).toBeCloseTo(wanted[i]!, 2);
      });
    }
  });

  test('a variable of whole numbers is no parameter, though trainable by default', () => {
    const index = tf.variable(tf.scalar(1, 'int32'));
    const w = tf.variable(tf.scalar(2));
    const y = tf.tensor1d([1, 1]);
    const { grads } = tf.variableGrads(
      () =>
        loss(
          odeint(
            (_, x: tf.Tensor1D) => tf.mul(tf.mul(w, tf.gather(table, index)), x),
            y,
            [0, 1],
            optionsOf(engine),
          ),
        ),
      [w],
    );
    // d/dw of exp(w) (1 − 0.5)
    expect(grads[w.name]!.dataSync()[0]).toBeCloseTo(Math.exp(2) / 2, 2);
    tf.dispose([index, w, y, grads]);
  });
});

test('a cast to whole numbers has the derivative 0, which TensorFlow.js alone takes for 1', () => {
  const f = (x: tf.Tensor): tf.Tensor => tf.mul(x, float(int(x)));
  const at = tf.scalar(2.5);
  expect(smoothGradients(() => tf.grad(f)(at)).dataSync()[0]).toBe(2);
  expect(tf.grad(f)(at).dataSync()[0]).toBe(4.5);
});
