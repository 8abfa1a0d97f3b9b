import { createRegistry, type GradientStrategy } from '@odegrad/core';
import { solve, type Float64Tensor, type OdeOptions } from '@odegrad/engine-tfjs';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint, { auto, binomial, online } from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry();
for (const plugin of [tableaux, adjoint, backprop, symplectic, checkpoint, onnx()]) registry.use(plugin);

const EXACT: readonly (readonly [name: string, gradient: string | GradientStrategy])[] = [
  ...['symplectic', 'stages', 'checkpoint', 'recompute', 'backprop', 'resolve'].map(
    (name) => [name, name] as const,
  ),
  ['auto', auto({ maxBytes: 10_000 })],
  ['binomial', binomial({ checkpoints: 2 })],
  ['online', online({ checkpoints: 2 })],
];

/** Everything that is differentiated lies on a grid of 2⁻⁸, so that float32 holds it and its neighbours. */
const GRID = 2 ** -8;
const onGrid = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.round(Math.sin(seed + 12.9898 * i) / GRID / 2) * GRID);

const times = [0, 0.375, 1];
const weights = Array.from({ length: times.length * 6 }, (_, i) => Math.cos(1.7 * i));
const methods: Readonly<Record<string, OdeOptions>> = {
  'fixed steps': { solver: 'rk4', numSteps: 3 },
  'fixed steps of order 8': { solver: 'dopri8', numSteps: 2 },
  'adaptive steps': { solver: 'dopri5', rtol: 1e-9, atol: 1e-9 },
};

let before = 0;
let parameters: tf.Variable[];

beforeAll(async () => {
  await tf.setBackend('cpu');
  before = tf.memory().numTensors;
  const made = (name: string, shape: number[], seed: number): tf.Variable =>
    tf.tidy(() =>
      tf.variable(tf.tensor(onGrid(shape[0]! * (shape[1] ?? 1), seed), shape), true, `float64-${name}`),
    );
  parameters = [made('w1', [3, 4], 1), made('b1', [4], 2), made('w2', [4, 4], 3), made('w3', [4, 3], 4)];
});
afterAll(() => {
  tf.dispose(parameters);
  expect(tf.memory().numTensors).toBe(before);
});

/** Two hidden layers, and time in the first. */
function network(t: tf.Scalar, y: tf.Tensor): tf.Tensor {
  const [w1, b1, w2, w3] = parameters as unknown as tf.Tensor2D[];
  const first = tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, w1!), tf.mul(b1!, tf.add(t, 1))));
  return tf.matMul(tf.softplus(tf.matMul(first as tf.Tensor2D, w2!)), w3!);
}

interface Gradient {
  readonly y0: readonly number[];
  readonly parameters: readonly (readonly number[])[];
  readonly ts: readonly number[];
}

const y0 = onGrid(6, 5);

function gradientBy(gradient: string | GradientStrategy, options: OdeOptions, ts?: tf.Tensor1D): Gradient {
  const start: Float64Tensor = { shape: [2, 3], data: Float64Array.from(y0) };
  const solution = solve(network, start, ts ?? times, { engine: 'onnx', registry, gradient, ...options });
  const found = solution.pullback(Float64Array.from(weights));
  solution.dispose();
  expect(found.y0.shape).toEqual([2, 3]);
  expect(Object.keys(found.parameters)).toEqual(parameters.map(({ name }) => name));
  expect(Object.values(found.parameters).map(({ shape }) => shape)).toEqual(
    parameters.map(({ shape }) => shape),
  );
  expect(found.ts?.shape).toEqual(ts?.shape);
  return {
    y0: [...found.y0.data],
    parameters: Object.values(found.parameters).map(({ data }) => [...data]),
    ts: [...(found.ts?.data ?? [])],
  };
}

/** Largest difference relative to the largest entry. */
function distance(found: readonly number[], wanted: readonly number[]): number {
  expect(found).toHaveLength(wanted.length);
  const scale = Math.max(...wanted.map(Math.abs));
  expect(scale).toBeGreaterThan(0);
  // NaN must not pass for small.
  return Math.max(...found.map((x, i) => Math.abs(x - wanted[i]!) / scale || Number(Number.isNaN(x))));
}

/** The loss whose cotangents are `weights`. */
function loss(start: readonly number[], options: OdeOptions, ts: readonly number[] = times): number {
  const solution = solve(network, { shape: [2, 3], data: Float64Array.from(start) }, ts, {
    engine: 'onnx',
    registry,
    ...options,
  });
  const sum = solution.ys.data.reduce((total, y, i) => total + weights[i]! * y, 0);
  solution.dispose();
  return sum;
}

/** Central differences of fourth order, each entry of `at` in turn. */
function differences(at: readonly number[], value: (x: readonly number[]) => number): number[] {
  const h = 2 ** -10;
  return at.map((_, i) => {
    const moved = (by: number): number => value(at.map((x, k) => (k === i ? x + by : x)));
    return (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h);
  });
}

function lossWith(variable: tf.Variable, values: readonly number[], options: OdeOptions): number {
  const old = tf.tidy(() => tf.clone(variable));
  try {
    tf.tidy(() => {
      variable.assign(tf.tensor([...values], variable.shape));
    });
    return loss(y0, options);
  } finally {
    variable.assign(old);
    old.dispose();
  }
}

describe.each(Object.entries(methods))('gradients in doubles, %s', (_, options) => {
  test.each(EXACT.slice(1))('%s and symplectic agree', (__, gradient) => {
    const [found, wanted] = [gradientBy(gradient, options), gradientBy('symplectic', options)];
    expect(distance(found.y0, wanted.y0)).toBeLessThan(1e-13);
    for (const [i, values] of wanted.parameters.entries()) {
      expect(distance(found.parameters[i]!, values)).toBeLessThan(1e-13);
    }
  });

  test('symplectic and central differences agree', () => {
    const found = gradientBy('symplectic', options);
    expect(
      distance(
        found.y0,
        differences(y0, (start) => loss(start, options)),
      ),
    ).toBeLessThan(1e-10);
    for (const [i, variable] of parameters.entries()) {
      const wanted = differences([...variable.dataSync()], (values) => lossWith(variable, values, options));
      expect(distance(found.parameters[i]!, wanted)).toBeLessThan(1e-10);
    }
  });

  test.each(EXACT)('%s gives the gradient of the times where they are a tensor', (__, gradient) => {
    const ts = tf.tensor1d(times);
    const found = gradientBy(gradient, options, ts).ts;
    ts.dispose();
    expect(
      distance(
        found,
        differences(times, (moved) => loss(y0, options, moved)),
      ),
    ).toBeLessThan(1e-10);
  });
});

test('the continuous adjoint comes as close as its tolerances', () => {
  const tight: OdeOptions = { solver: 'dopri8', rtol: 1e-13, atol: 1e-13 };
  const [found, wanted] = [gradientBy('adjoint', tight), gradientBy('symplectic', tight)];
  expect(distance(found.y0, wanted.y0)).toBeLessThan(1e-11);
  for (const [i, values] of wanted.parameters.entries()) {
    expect(distance(found.parameters[i]!, values)).toBeLessThan(1e-11);
  }
});
