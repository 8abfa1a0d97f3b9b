import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { borrowKernels } from './borrowed-kernels.ts';

setWasmPaths(
  new URL('../../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url).pathname,
);

let borrowed: readonly string[] = [];

beforeAll(async () => {
  await tf.setBackend('cpu');
  await tf.setBackend('wasm');
  borrowed = borrowKernels('wasm', 'cpu');
});
afterAll(() => {
  for (const kernel of borrowed) tf.unregisterKernel(kernel, 'wasm');
});

const random = (shape: number[], seed: number): tf.Tensor => tf.randomUniform(shape, -1, 1, 'float32', seed);

/** Gradients with respect to all arguments, of a sum weighted by something that is not constant. */
const gradients = (f: (...xs: tf.Tensor[]) => tf.Tensor, ...xs: tf.Tensor[]): (() => tf.Tensor[]) => {
  const weighted = (...ys: tf.Tensor[]): tf.Tensor => {
    const value = f(...ys);
    return tf.sum(tf.mul(value, tf.cos(tf.reshape(tf.range(0, value.size), value.shape))));
  };
  return () => tf.grads(weighted)(xs);
};

/** What the borrowed kernels are for. */
function cases(): Record<string, () => tf.Tensor[]> {
  const image = random([2, 6, 5, 3], 1) as tf.Tensor4D;
  const [a, b] = [random([2, 3], 6), random([3, 4], 7)];
  const ids = tf.tensor1d([2, 0, 2], 'int32');
  return {
    Conv2DBackpropFilter: gradients(
      (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'),
      image,
      random([3, 3, 3, 4], 2),
    ),
    'Conv2DBackpropFilter, strides': gradients(
      (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'valid'),
      image,
      random([2, 2, 3, 4], 3),
    ),
    DepthwiseConv2dNativeBackprop: gradients(
      (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'),
      image,
      random([3, 3, 3, 2], 4),
    ),
    UnsortedSegmentSum: gradients((x) => tf.gather(x, ids), random([4, 3], 5)),
    Einsum: () => [tf.einsum('ij,jk->ik', a, b)],
  };
}

describe('kernels that wasm borrows', () => {
  it('are those that it lacks, of plain numbers', () => {
    expect(borrowed).toEqual(
      expect.arrayContaining([
        'Conv2DBackpropFilter',
        'DepthwiseConv2dNativeBackpropFilter',
        'DepthwiseConv2dNativeBackpropInput',
        'UnsortedSegmentSum',
      ]),
    );
    expect(borrowed).not.toContain('Complex');
    expect(borrowed).not.toContain('MatMul');
    expect(borrowKernels('wasm', 'cpu')).toEqual([]);
    expect(borrowKernels('wasm', 'nowhere')).toEqual([]);
  });

  it.each(
    Object.keys({
      Conv2DBackpropFilter: 0,
      'Conv2DBackpropFilter, strides': 0,
      DepthwiseConv2dNativeBackprop: 0,
      UnsortedSegmentSum: 0,
      Einsum: 0,
    }),
  )('give what cpu gives, and leave nothing: %s', async (name) => {
    const valuesOn = async (backend: string): Promise<number[][]> => {
      await tf.setBackend(backend);
      const run = cases()[name]!;
      tf.dispose(run());
      const backends = ['cpu', 'wasm'].map((one) => tf.engine().findBackend(one));
      const count = (): number[] => [tf.memory().numTensors, ...backends.map((one) => one.numDataIds())];
      const before = count();
      const results = run();
      const values = results.map((x) => [...x.dataSync()]);
      const shapes = results.map(({ shape }) => shape);
      tf.dispose(results);
      expect(count()).toEqual(before);
      return [...values, ...shapes];
    };
    const [own, wanted] = [await valuesOn('wasm'), await valuesOn('cpu')];
    expect(own.map((x) => x.length)).toEqual(wanted.map((x) => x.length));
    wanted.forEach((x, i) => {
      x.forEach((entry, k) => {
        expect(own[i]![k]).toBeCloseTo(entry, 4);
      });
    });
  });
});

describe('all gradients of TensorFlow.js', () => {
  it('find their kernels on wasm then, or are of complex numbers', async () => {
    await tf.setBackend('wasm');
    const of = (backend: string): string[] =>
      tf.getKernelsForBackend(backend).map(({ kernelName }) => kernelName);
    const missing = of('cpu').filter((kernel) => !of('wasm').includes(kernel));
    for (const kernel of missing) expect(kernel).toMatch(/Complex|Real|Imag|FFT|Ragged|Regex|Draw/);
  });
});
