import { createRegistry } from '@odegrad/core';
import { odeint, solve, type FieldRequest, type FlatField } from '@odegrad/engine-tfjs';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { findReads, recordingFor } from '@odegrad/trace';
import { onnx } from './onnx.ts';
import { difference } from '@odegrad/trace';
import { traceField } from '@odegrad/trace';

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

const made: tf.Tensor[] = [];
const variable = (x: number, trainable = true): tf.Variable => {
  const v = tf.tidy(() => tf.variable(tf.fill([2], x), trainable));
  made.push(v);
  return v;
};
afterEach(() => {
  tf.dispose(made.splice(0));
});

/** Runs `body` and counts the products that TensorFlow.js computes in it. */
function productsIn(body: () => void): number {
  const original = tf.getKernel('BatchMatMul', 'cpu');
  let count = 0;
  tf.unregisterKernel('BatchMatMul', 'cpu');
  tf.registerKernel({
    ...original,
    kernelFunc(call) {
      count += 1;
      return original.kernelFunc(call);
    },
  });
  try {
    body();
  } finally {
    tf.unregisterKernel('BatchMatMul', 'cpu');
    tf.registerKernel(original);
  }
  return count;
}

const requestOf = (f: FlatField): Omit<FieldRequest, 'parameters'> => {
  const y0 = tf.ones([2]);
  made.push(y0);
  return { f, key: f, t0: 0, y0: [y0], dtype: 'float32' };
};

describe('findReads', () => {
  it('finds variables and captured tensors in the order of their first use, one returned as it is last', () => {
    const [last, b, a, frozen] = [variable(1), variable(2), variable(3), variable(4, false)];
    const request = requestOf((_, [y]) => {
      tf.grad((x) => tf.sum(tf.mul(tf.square(x), a)))(y!);
      return [tf.add(tf.mul(y!, frozen), tf.mul(tf.mul(b, a), captured)), last];
    });
    const captured = tf.tensor1d([1, 2]);
    made.push(captured);
    expect(findReads({ ...request, y0: [request.y0[0]!, request.y0[0]!] })).toEqual([
      a,
      frozen,
      b,
      captured,
      last,
    ]);
  });

  it('cannot tell where f cannot be recorded, or makes variables', () => {
    expect(findReads(requestOf((_, [y]) => [tf.mul(y!, y!.dataSync()[0]!)]))).toBeUndefined();
    expect(findReads(requestOf((_, [y]) => [tf.mul(y!, variable(1))]))).toBeUndefined();
  });
});

it('records what the check of a solve compares with, whatever the parameters are called', () => {
  const [frozen, b, a] = [variable(1, false), variable(2), variable(3)];
  const request = requestOf((t, [y]) => [tf.add(tf.mul(tf.mul(y!, a), b), tf.mul(frozen, t))]);
  const reads = findReads(request)!;
  expect(reads).toEqual([a, b, frozen]);
  const parameters = [a, b];
  const anew = traceField({ f: request.f, shapes: [[2]], parameters }).program;
  const found = recordingFor({ ...request, parameters, reads }).program;
  expect(difference(found, anew)).toBeUndefined();
  expect(found.inputs.map(({ name }) => name)).toEqual(['t', 'y0', 'p0', 'p1', 'v0']);
  expect(difference(recordingFor({ ...request, parameters }).program, anew)).toBeUndefined();
});

describe.each(['onnx', 'replay'])('engine %s', (engine) => {
  const registry = createRegistry().use(tableaux).use(symplectic).use(onnx());
  const options = { registry, engine, solver: 'rk4', numSteps: 2, gradient: 'symplectic' } as const;

  function gradients(f: (t: tf.Scalar, y: tf.Tensor) => tf.Tensor, y0: tf.Tensor): Record<string, number[]> {
    const solution = solve(f, y0, [0, 1], options);
    const { y0: first, parameters } = solution.pullback(tf.onesLike(solution.ys));
    const result = Object.fromEntries(Object.entries(parameters).map(([k, x]) => [k, [...x.dataSync()]]));
    tf.dispose([first, parameters]);
    solution.dispose();
    return result;
  }

  it.each(['glorotNormal', 'ones'] as const)(
    'takes gradients of layers that were not built before, %s',
    (drawn) => {
      const layer = tf.layers.dense({ units: 2, activation: 'tanh', kernelInitializer: drawn });
      const y0 = tf.ones([1, 2]);
      const found = gradients((_, y) => layer.apply(y) as tf.Tensor, y0);
      expect(Object.keys(found).sort()).toEqual(layer.weights.map(({ name }) => name).sort());
      for (const gradient of Object.values(found)) expect(gradient.some((x) => x !== 0)).toBe(true);
      layer.dispose();
      y0.dispose();
    },
  );

  it('sees variables that f makes once', () => {
    let w: tf.Variable | undefined;
    const y0 = tf.ones([2]);
    const found = gradients((_, y) => tf.mul(y, (w ??= variable(0.5))), y0);
    expect(Object.keys(found)).toEqual([w!.name]);
    expect(() => gradients((_, y) => tf.mul(y, variable(0.5)), y0)).toThrow(
      'makes variables whenever it runs',
    );
    y0.dispose();
  });

  it('solves with layers that were not built before', () => {
    const layer = tf.layers.dense({ units: 2 });
    const y0 = tf.ones([1, 2]);
    const ys = odeint((_, y) => layer.apply(y) as tf.Tensor, y0, [0, 1], options);
    expect(ys.dataSync<'float32'>().every(Number.isFinite)).toBe(true);
    expect(layer.weights).toHaveLength(2);
    layer.dispose();
    tf.dispose([y0, ys]);
  });

  it('sees a variable thaw', () => {
    const [w, scale] = [variable(0.5), variable(2, false)];
    const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(tf.mul(y, w), scale);
    const y0 = tf.ones([2]);
    expect(Object.keys(gradients(f, y0))).toEqual([w.name]);
    Object.assign(scale, { trainable: true });
    expect(Object.keys(gradients(f, y0)).sort()).toEqual([w.name, scale.name].sort());
    y0.dispose();
  });

  it('computes nothing to find them: after the first solve there is none of f’s products', () => {
    const w = tf.variable(tf.eye(2));
    const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.tanh(tf.matMul(y as tf.Tensor2D, w));
    const y0 = tf.ones([1, 2]);
    const first = gradients(f, y0);
    let second: typeof first = {};
    const products = productsIn(() => {
      second = gradients(f, y0);
    });
    expect(second).toEqual(first);
    // A replay has looked its kernels up in the first solve, so what is counted here is f itself.
    expect(products).toBe(0);
    tf.dispose([w, y0]);
  });
});
