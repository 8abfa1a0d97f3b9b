import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { createPool } from '@odegrad/trace';
import { type Runtime } from './runtime.ts';
import { withLargeKernels } from './large-kernels.ts';

const runtime: Runtime = { float: 'float64', pool: createPool(), providers: ['cpu'], threads: 1, cores: 1 };
const heavy = ['BatchMatMul', '_FusedMatMul', 'Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'];
const calls: string[] = [];
let counted: tf.KernelConfig[] = [];
let originals: tf.KernelConfig[] = [];

function swap(configs: readonly tf.KernelConfig[]): void {
  for (const config of configs) {
    tf.unregisterKernel(config.kernelName, 'cpu');
    tf.registerKernel(config);
  }
}

// TensorFlow.js' own kernels, which say when they are called.
beforeEach(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
  originals = heavy.map((name) => tf.getKernel(name, 'cpu'));
  counted = originals.map((config) => ({
    ...config,
    kernelFunc(call) {
      calls.push(config.kernelName);
      return config.kernelFunc(call);
    },
  }));
  swap(counted);
  calls.length = 0;
});
afterEach(() => {
  swap(originals);
});

const normal = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);
const large = (rows: number, columns: number, seed: number): tf.Tensor2D =>
  normal([rows, columns], seed) as tf.Tensor2D;

it.each<[string, () => tf.Tensor]>([
  ['a product', () => tf.matMul(large(120, 100, 1), large(100, 110, 2))],
  ['its left factor transposed', () => tf.matMul(large(100, 120, 1), large(100, 110, 2), true)],
  ['its right factor transposed', () => tf.matMul(large(120, 100, 1), large(110, 100, 2), false, true)],
  ['products in a batch', () => tf.matMul(normal([3, 70, 80], 1), normal([3, 80, 90], 2))],
  [
    'a fused product',
    () =>
      tf.fused.matMul({
        a: large(120, 100, 1),
        b: large(100, 110, 2),
        bias: normal([110], 3),
        activation: 'elu',
      }),
  ],
  ['a convolution', () => tf.conv2d(normal([2, 24, 24, 8], 1) as tf.Tensor4D, filter(), 1, 'same')],
  [
    'gradients of a convolution',
    () => {
      const [x, dy] = [normal([2, 24, 24, 8], 1), normal([2, 24, 24, 16], 3)];
      const gradients = tf.grads((x, f) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same'));
      return tf.concat(gradients([x, filter()], dy).map((g) => tf.reshape(g, [-1])));
    },
  ],
])('computes %s without the kernels of TensorFlow.js', (_, compute) => {
  const [own, found] = [tf.tidy(compute), withLargeKernels(runtime, () => tf.tidy(compute))];
  const expected = own.dataSync<'float32'>();
  const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  expect(found.shape).toEqual(own.shape);
  found.dataSync<'float32'>().forEach((x, i) => {
    expect(Math.abs(x - expected[i]!)).toBeLessThan(3e-6 * scale);
  });
  // Each was called once, for the values to compare with.
  expect(new Set(calls).size).toBe(calls.length);
  expect(calls.length).toBeGreaterThan(0);
  tf.dispose([own, found]);
});

it('leaves small kernels and other types as they are', () => {
  withLargeKernels(runtime, () => {
    tf.tidy(() => {
      tf.matMul(large(5, 6, 1), large(6, 7, 2));
      tf.matMul(tf.cast(large(120, 100, 1), 'int32'), tf.cast(large(100, 110, 2), 'int32'));
    });
  });
  expect(calls).toEqual(['BatchMatMul', 'BatchMatMul']);
});

it('puts the kernels back, also after an error', () => {
  expect(() =>
    withLargeKernels(runtime, () => {
      throw new Error('in f');
    }),
  ).toThrow('in f');
  for (const config of counted) expect(tf.getKernel(config.kernelName, 'cpu')).toBe(config);
});

it('leaves no tensor', () => {
  const before = tf.memory().numTensors;
  withLargeKernels(runtime, () => tf.tidy(() => tf.matMul(large(120, 100, 1), large(100, 110, 2)))).dispose();
  expect(tf.memory().numTensors).toBe(before);
});

function filter(): tf.Tensor4D {
  return normal([3, 3, 8, 16], 2) as tf.Tensor4D;
}
