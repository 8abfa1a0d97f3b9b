import { createRegistry } from '@odegrad/core';
import { odeint, solve, type OdeOptions } from '@odegrad/engine-tfjs';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint, { binomial, online } from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { onnx } from './index.ts';

const registry = createRegistry();
for (const plugin of [tableaux, adjoint, backprop, checkpoint, symplectic, onnx()]) registry.use(plugin);

let w: tf.Variable;
let y0: tf.Tensor2D;
beforeAll(async () => {
  await tf.setBackend('cpu');
  w = tf.variable(tf.tensor2d([0.3, -0.8, 0.5, 0.4], [2, 2]));
  y0 = tf.tensor2d([0.5, -0.2, 0.1, 0.9, -0.4, 0.3], [3, 2]);
});
afterAll(() => {
  tf.dispose([w, y0]);
});
let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.add(tf.tanh(tf.matMul(y, w)), tf.sin(t));

/** Output times, and where each is among those that differ. */
const lists: Readonly<Record<string, readonly number[]>> = {
  repeated: [0, 0, 0.5, 0.5, 0.5, 1, 1],
  decreasing: [1, 0.5, 0.5, 0],
  'all equal': [0.7, 0.7, 0.7],
  single: [0.7],
};

interface Result {
  readonly ys: number[][];
  readonly gradients: number[][];
  readonly ts: number[];
}

/** States by time, and the gradients of Σ kᵢ Σ yᵢ² on the tape. */
function differentiate(ts: readonly number[], k: readonly number[], options: OdeOptions): Result {
  return tf.tidy(() => {
    const loss = (y: tf.Tensor, times: tf.Tensor): tf.Scalar => {
      const squares = tf.square(odeint(f, y, times, { registry, ...options }));
      return tf.sum(tf.mul(squares, tf.tensor3d([...k], [k.length, 1, 1])));
    };
    const times = tf.tensor1d([...ts]);
    const [gy, gts] = tf.grads(loss)([y0, times]) as [tf.Tensor, tf.Tensor];
    const { grads } = tf.variableGrads(() => loss(y0, times), [w]);
    const ys = odeint(f, y0, [...ts], { registry, ...options });
    expect(ys.shape).toEqual([ts.length, 3, 2]);
    return {
      ys: tf.reshape(ys, [ts.length, 6]).arraySync() as number[][],
      gradients: [gy, grads[w.name]!].map((x) => Array.from(x.dataSync())),
      ts: Array.from(gts.dataSync()),
    };
  });
}

const near = (actual: readonly number[], expected: readonly number[], tolerance = 2e-5): void => {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  actual.forEach((x, i) => {
    expect(Math.abs(x - expected[i]!) / scale).toBeLessThan(tolerance);
  });
};

const strategies: [string, OdeOptions['gradient'], OdeOptions?][] = [
  ['symplectic', 'symplectic'],
  ['backprop', 'backprop'],
  ['checkpoint', 'checkpoint'],
  ['stages', 'stages'],
  ['recompute', 'recompute'],
  ['resolve', 'resolve'],
  ['binomial', binomial({ checkpoints: 2 })],
  ['online', online({ checkpoints: 2 })],
  ['a budget', undefined, { maxBytes: 5000 }],
  ['adjoint', 'adjoint'],
];

const plans: OdeOptions[] = [{ rtol: 1e-3 }, { numSteps: 3 }, { solver: 'rk4', stepSize: 0.21 }];
const engines = ['tfjs', 'replay', 'onnx'];

describe.each(engines)('engine %s', (engine) => {
  describe.each(Object.entries(lists))('%s output times', (list, ts) => {
    const distinct = [...new Set(ts)];
    const k = ts.map((_t, i) => 1 + 0.3 * i);
    const sums = distinct.map((t) => k.reduce((sum, x, i) => sum + (ts[i] === t ? x : 0), 0));

    test.each(strategies)('repeat the state, and their cotangents add up: %s', (name, gradient, more) => {
      // One plan of steps for each, so that it meets every engine, list and strategy, and any two of these; all with ODEGRAD_ALL.
      const turn =
        engines.indexOf(engine) +
        Object.keys(lists).indexOf(list) +
        strategies.findIndex(([other]) => other === name);
      for (const plan of process.env['ODEGRAD_ALL'] ? plans : [plans[turn % plans.length]!]) {
        const options = { engine, gradient, ...more, ...plan };
        const actual = differentiate(ts, k, options);
        if (distinct.length === 1) {
          // Nothing is solved: the gradients are in the closed form of a constant.
          const y = Array.from(y0.dataSync());
          for (const state of actual.ys) expect(state).toEqual(y);
          near(
            actual.gradients[0]!,
            y.map((x) => 2 * sums[0]! * x),
          );
          expect(actual.gradients[1]!.every((x) => x === 0)).toBe(true);
          near([actual.ts.reduce((sum, x) => sum + x, 0)], [0]);
          continue;
        }
        const expected = differentiate(distinct, sums, options);
        expect(actual.ys).toEqual(ts.map((t) => expected.ys[distinct.indexOf(t)]));
        actual.gradients.forEach((x, i) => {
          near(x, expected.gradients[i]!);
        });
        // Moved together, repeated times are one.
        near(
          distinct.map((t) => actual.ts.reduce((sum, x, i) => sum + (ts[i] === t ? x : 0), 0)),
          expected.ts,
        );
      }
    });
  });

  test('each of the repeated times has its own gradient: that of moving it away from the others', () => {
    const k = [0.4, 1, 2, 3];
    const [t0, at, end] = [0, 0.5, 1];
    const options: OdeOptions = { engine, gradient: 'symplectic', solver: 'rk4', numSteps: 4 };
    const gradient = differentiate([t0, at, at, end], k, options).ts;
    const value = (ts: readonly number[]): number => {
      const { ys } = differentiate(ts, k, options);
      return ys.reduce((sum, y, i) => sum + k[i]! * y.reduce((part, x) => part + x * x, 0), 0);
    };
    // Times must not turn back, so differences are one-sided, of second order.
    const h = 0.03;
    const slope = (move: (x: number) => readonly number[]): number =>
      (-3 * value(move(0)) + 4 * value(move(h)) - value(move(2 * h))) / (2 * h);
    expect(Math.abs(gradient[1]! + slope((x) => [t0, at - x, at, end]))).toBeLessThan(2e-2);
    expect(Math.abs(gradient[2]! - slope((x) => [t0, at, at + x, end]))).toBeLessThan(2e-2);
    expect(Math.abs(gradient[1]! - gradient[2]!)).toBeGreaterThan(0.2);
  });
});

test('in doubles, with a pullback, and in records', () => {
  const y = { a: Float64Array.of(1, 2), b: Float64Array.of(-1) };
  const ts = [0, 0.5, 0.5, 1];
  const solution = solve((_, { a, b }) => ({ a: tf.neg(a), b: tf.mul(b, 0.5) }), y, ts, {
    registry,
    engine: 'onnx',
    rtol: 1e-10,
    atol: 1e-12,
  });
  const { a, b } = solution.ys;
  ts.forEach((t, i) => {
    expect(Math.abs(a.data[2 * i + 1]! - 2 * Math.exp(-t))).toBeLessThan(1e-9);
    expect(Math.abs(b.data[i]! + Math.exp(t / 2))).toBeLessThan(1e-9);
  });
  const gradient = solution.pullback({
    a: Float64Array.from({ length: 8 }, () => 1),
    b: Float64Array.of(1, 2, 3, 4),
  });
  const decay = 1 + 2 * Math.exp(-0.5) + Math.exp(-1);
  for (const x of gradient.y0.a.data) expect(Math.abs(x - decay)).toBeLessThan(1e-8);
  expect(Math.abs(gradient.y0.b.data[0]! - (1 + 5 * Math.exp(0.25) + 4 * Math.exp(0.5)))).toBeLessThan(1e-8);
  solution.dispose();
});
