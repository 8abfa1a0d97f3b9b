import { replayEngine } from '@odegrad/engine-replay';
import type { FieldEngine, FlatField } from '@odegrad/engine-tfjs';
import { doubledTensorFlow, Draws } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { wasmEngine } from './wasm.ts';

type TensorFlow = typeof tf;
let exact: TensorFlow;

beforeAll(async () => {
  await tf.setBackend('cpu');
  exact = (await doubledTensorFlow()) as TensorFlow;
});

/** Batch, height, width and channels. */
const SHAPE: [number, number, number, number] = [2, 5, 4, 3];
const SIZE = 120;
const FILTER = 54;

/** From images and 54 numbers of a filter to images of any shape. */
type Layer = (tf: TensorFlow, x: tf.Tensor4D, w: tf.Tensor1D) => tf.Tensor;

const filter = (tf: TensorFlow, w: tf.Tensor1D, shape: [number, number, number, number]): tf.Tensor4D =>
  tf.reshape(
    tf.slice(
      w,
      0,
      shape.reduce((n, extent) => n * extent, 1),
    ),
    shape,
  );

const layers: Readonly<Record<string, Layer>> = {
  'a convolution': (tf, x, w) => tf.conv2d(x, filter(tf, w, [3, 3, 3, 2]), 1, 'same'),
  'one with strides': (tf, x, w) => tf.conv2d(x, filter(tf, w, [3, 2, 3, 2]), [2, 1], 'same'),
  'one without padding': (tf, x, w) => tf.conv2d(x, filter(tf, w, [2, 2, 3, 4]), 2, 'valid'),
  'one of single places': (tf, x, w) => tf.conv2d(x, filter(tf, w, [1, 1, 3, 5]), 1, 'same'),
  'one with an activation': (tf, x, w) =>
    tf.fused.conv2d({
      x,
      filter: filter(tf, w, [2, 2, 3, 3]),
      strides: 1,
      pad: 'same',
      bias: tf.slice(w, 0, 3),
      activation: 'relu',
    }),
  'one along a line': (tf, x, w) =>
    tf.conv1d(
      tf.reshape<tf.Rank.R3>(x, [2, 20, 3]),
      tf.reshape<tf.Rank.R3>(tf.slice(w, 0, 27), [3, 3, 3]),
      2,
      'same',
    ),
  'a transposed one': (tf, x, w) =>
    tf.conv2dTranspose(x, filter(tf, w, [3, 2, 2, 3]), [2, 10, 8, 2], 2, 'same'),
  'a convolution of each channel': (tf, x, w) =>
    tf.depthwiseConv2d(x, filter(tf, w, [3, 3, 3, 2]), 1, 'same'),
  'one with strides of each channel': (tf, x, w) =>
    tf.depthwiseConv2d(x, filter(tf, w, [2, 2, 3, 1]), 2, 'valid'),
  averages: (tf, x) => tf.avgPool(x, 2, 2, 'valid'),
  'overlapping averages': (tf, x) => tf.avgPool(x, [3, 2], 1, 'valid'),
  maxima: (tf, x) => tf.maxPool(x, [3, 2], 1, 'same'),
  'maxima with strides': (tf, x) => tf.maxPool(x, 2, 2, 'valid'),
};

function draw(seed: number): { readonly x: number[]; readonly w: number[]; readonly c: number[] } {
  const draws = new Draws(seed);
  const values = (n: number): number[] => Array.from({ length: n }, () => Math.fround(draws.uniform(-1, 1)));
  return { x: values(SIZE), w: values(FILTER), c: values(SIZE) };
}

/** x + Σ sin(layer(x)): of the shape of x, whatever the layer gives. */
const slope = (tf: TensorFlow, layer: Layer, x: tf.Tensor, w: tf.Tensor): tf.Tensor =>
  tf.add(tf.mul(x, tf.sum(tf.sin(layer(tf, tf.reshape(x, SHAPE), w as tf.Tensor1D)))), tf.sum(w));

function byEngine<A>(engine: FieldEngine<A>, layer: Layer, dtype: 'float32' | 'float64'): number[][] {
  const { x, w, c } = draw(7);
  const weights = tf.variable(tf.tensor1d(w));
  const f: FlatField = (_, [y]) => [slope(tf, layer, y!, weights)];
  const [y0, c0] = [tf.tensor2d(x, [2, 60]), tf.tensor2d(c, [2, 60])];
  const { field, fromTensor, toTensor, toArray } = engine.prepare({
    f,
    key: f,
    t0: 0,
    y0: [y0],
    parameters: [weights],
    dtype,
  });
  const linearization = field.linearize(0, [fromTensor(y0)]);
  const pulled = linearization.pullback([fromTensor(c0)], false);
  const results = [...linearization.value, ...pulled.y, ...pulled.parameters].map((one) =>
    Array.from(toArray ? toArray(one) : toTensor(one).dataSync()),
  );
  tf.dispose([weights, y0, c0]);
  return results;
}

function inDoubles(layer: Layer): number[][] {
  const { x, w, c } = draw(7);
  const [y, weights] = [exact.tensor2d(x, [2, 60]), exact.tensor1d(w)];
  const f = (one: tf.Tensor, other: tf.Tensor): tf.Tensor => slope(exact, layer, one, other);
  const gradients = exact.grads(f)(
    [y, weights],
    exact.tensor2d(c, [2, 60]),
  );
  return [f(y, weights), ...gradients].map((one) => Array.from(one.dataSync()));
}

function largest(found: readonly number[], wanted: readonly number[]): number {
  const scale = Math.max(1, ...wanted.map(Math.abs));
  return Math.max(...wanted.map((x, i) => Math.abs(found[i]! - x) / scale));
}

describe.each(Object.entries(layers))('%s', (_, layer) => {
  const engine = wasmEngine();

  test('is that of the recorded kernels in float32', () => {
    const warn = vi.spyOn(console, 'warn');
    const [found, wanted] = [byEngine(engine, layer, 'float32'), byEngine(replayEngine, layer, 'float32')];
    wanted.forEach((x, i) => expect(largest(found[i]!, x)).toBeLessThan(2e-6));
    // It was not replayed instead.
    expect(warn.mock.calls.filter(([text]) => String(text).startsWith('Engine'))).toEqual([]);
    warn.mockRestore();
  });

  test('is that of TensorFlow.js in doubles', () => {
    const [found, wanted] = [byEngine(engine, layer, 'float64'), inDoubles(layer)];
    wanted.forEach((x, i) => expect(largest(found[i]!, x)).toBeLessThan(1e-13));
  });
});
