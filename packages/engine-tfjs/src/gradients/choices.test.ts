import { EngineError } from '@odegrad/core';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { smoothGradients } from '../eager/smooth.ts';
import { isolated } from '../tape/tape.ts';

setWasmPaths(
  new URL('../../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url).pathname,
);

// Points where central differences say nothing: kinks, jumps and what is refused.

type Fn = (x: tf.Tensor) => tf.Tensor;

/** The gradient of the sum of f, with those that TensorFlow.js has wrong put right, or without. */
function gradient(f: Fn, at: number[], shape = [at.length], corrected = true): number[] {
  return tf.tidy(() => {
    const take = (): tf.Tensor => tf.grad((x: tf.Tensor) => tf.sum(f(x)))(tf.tensor(at, shape));
    return [...isolated(() => (corrected ? smoothGradients(take) : take())).dataSync()];
  });
}

describe.each(['cpu', 'wasm'])('on %s', (backend) => {
  beforeAll(async () => {
    expect(await tf.setBackend(backend)).toBe(true);
  });
  let before = 0;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });

  it.each([
    ['max', (x) => tf.max(x)],
    ['min', (x) => tf.neg(tf.min(tf.neg(x)))],
    ['max of rows, kept', (x) => tf.max(tf.reshape(x, [1, 4]), 1, true)],
  ] satisfies [string, Fn][])('equal extrema share the cotangent: %s', (_, f) => {
    expect(gradient(f, [1, 2, 2, 0])).toEqual([0, 0.5, 0.5, 0]);
    // Along all of them the derivative is 1, not their number.
    expect(gradient(f, [2, 2, 2, 2])).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(gradient(f, [2, 2, 2, 2], [4], false)).toEqual([1, 1, 1, 1]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('x⁰ has the derivative 0 at 0', () => {
    const f: Fn = (x) => tf.pow(x, tf.tensor1d([0, 1, 2, 3]));
    expect(gradient(f, [0, 0, 0, 2])).toEqual([0, 1, 0, 12]);
    expect(gradient(f, [0, 0, 0, 2], [4], false)[0]).toBeNaN();
  });

  it('an image of one row, resized with aligned corners, has a gradient at all', () => {
    // TensorFlow.js looks for it for ever.
    const f: Fn = (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [3, 2], true);
    expect(gradient(f, [1, 2], [1, 1, 2, 1])).toEqual([3, 3]);
  });

  it.each([
    ['a cast to whole numbers', (x) => tf.mul(x, tf.cast(tf.cast(x, 'int32'), 'float32')), [1, 2]],
    ['sums of whole numbers', (x) => tf.mul(x, tf.cast(tf.add(tf.cast(x, 'int32'), 1), 'float32')), [2, 3]],
    ['truth values', (x) => tf.mul(x, tf.cast(tf.logicalNot(tf.less(x, 1)), 'float32')), [1, 1]],
    ['a position', (x) => tf.mul(x, tf.cast(tf.argMax(tf.cast(x, 'int32')), 'float32')), [1, 1]],
  ] satisfies [string, Fn, number[]][])('%s jump and are constant elsewhere', (_, f, slope) => {
    expect(gradient(f, [1.5, 2.5])).toEqual(slope);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([
    [
      'a complex number',
      (x) => tf.abs(tf.mul(tf.cast(x, 'complex64'), tf.complex(0, 1))),
      /complex.*Multiply|complex.*ComplexAbs/,
    ],
    ['a transform', (x) => tf.abs(tf.spectral.rfft(x)), /complex numbers/],
    ['what has no gradient', (x) => tf.cumprod(x), /there is none for its operation Cumprod/],
    [
      'products of batches that broadcast within',
      (x) => tf.matMul(tf.reshape(x, [2, 1, 1, 2]), tf.ones([1, 3, 2, 2])),
      /batches of shapes \[2,1,1,2\] and \[1,3,2,2\] wrongly.*tf.broadcastTo/,
    ],
  ] satisfies [string, Fn, RegExp][])('%s is refused, and what to do is said', (name, f, message) => {
    // The wasm backend has no complex numbers.
    if (backend === 'wasm' && /complex|transform/.test(name)) return;
    const take = (): number[] => gradient(f, [0.5, -1, 2, 0.3]);
    expect(take).toThrow(EngineError);
    expect(take).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('indices that depend on what is differentiated have none, what is gathered has', async () => {
  await tf.setBackend('cpu');
  const f: Fn = (x) => tf.mul(x, tf.gather(tf.tensor1d([10, 20, 30]), tf.cast(x, 'int32')));
  expect(gradient(f, [0.5, 2.5])).toEqual([10, 30]);
});
