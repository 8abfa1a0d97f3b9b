import type { FlatField } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { shardings } from './sharding.ts';
import { traceField, traceGradient } from '../tracing/trace.ts';

const ROWS = 6;
const COLUMNS = 4;
let w: tf.Variable;
let b: tf.Variable;
let perRow: tf.Variable;
let filter: tf.Variable;

beforeAll(async () => {
  await tf.setBackend('cpu');
  w = tf.variable(tf.randomNormal([COLUMNS, COLUMNS], 0, 1, 'float32', 1));
  b = tf.variable(tf.randomNormal([COLUMNS], 0, 1, 'float32', 2));
  perRow = tf.variable(tf.randomNormal([ROWS, COLUMNS], 0, 1, 'float32', 3));
  filter = tf.variable(tf.randomNormal([3, 1, 1], 0, 1, 'float32', 4));
});
afterAll(() => {
  tf.dispose([w, b, perRow, filter]);
});

/** Made in f, and so a constant of its program. */
const noise = (): tf.Tensor2D => tf.randomNormal([ROWS, COLUMNS], 0, 1, 'float32', 5);

type Net = (y: tf.Tensor2D, t: tf.Scalar) => tf.Tensor;

const weights = (): tf.Tensor2D => w as unknown as tf.Tensor2D;
const bias = (): tf.Tensor1D => b as unknown as tf.Tensor1D;

/** Whether f and its gradient can be made row by row. */
function isCut(net: Net, parameters: readonly tf.Variable[] = [w, b]): boolean {
  const f: FlatField = (t, [y]) => [net(y as tf.Tensor2D, t)];
  const request = { f, shapes: [[ROWS, COLUMNS]], parameters };
  const traces = [traceField(request), traceGradient(request)];
  const found = traces.map(({ program }) => shardings(program, ROWS) !== undefined);
  expect(found[1], 'the gradient of rows apart is one of rows apart').toBe(found[0]);
  return found[0]!;
}

const apart: readonly (readonly [string, Net])[] = [
  ['a dense network', (y) => tf.tanh(tf.add(tf.matMul(y, weights()), bias()))],
  ['time', (y, t) => tf.mul(tf.sin(t), tf.matMul(y, weights()))],
  ['noise of the batch', (y) => tf.mul(noise(), tf.matMul(y, weights()))],
  ['sums within rows', (y) => tf.sub(y, tf.mean(tf.mul(y, bias()), 1, true))],
  ['softmax', (y) => tf.mul(tf.softmax(tf.matMul(y, weights())), bias())],
  [
    'views of rows',
    (y) =>
      tf
        .reshape(tf.matMul(tf.reshape(y, [ROWS * 2, 2]), tf.slice(weights(), 0, 2), false), [
          ROWS * 2,
          COLUMNS,
        ])
        .slice([0, 0], [-1, 2])
        .reshape([ROWS, COLUMNS]),
  ],
  ['shifts along a row', (y) => tf.mul(tf.concat([y.slice([0, 1]), y.slice([0, 0], [ROWS, 1])], 1), bias())],
  ['its own gradient', (y) => tf.grad((z) => tf.sum(tf.tanh(tf.matMul(z as tf.Tensor2D, weights()))))(y)],
];

const mixed: readonly (readonly [string, Net])[] = [
  ['a mean over the batch', (y) => tf.sub(tf.mul(y, bias()), tf.mean(y, 0))],
  ['a maximum over the batch', (y) => tf.mul(tf.sub(y, tf.max(y, 0)), bias())],
  ['a norm of the whole', (y) => tf.div(tf.mul(y, bias()), tf.add(1, tf.sum(tf.square(y))))],
  ['products of rows', (y) => tf.matMul(tf.matMul(y, y, false, true), tf.mul(y, bias()))],
  ['rows in reverse', (y) => tf.mul(tf.reverse(y, 0), bias())],
  ['rows by number', (y) => tf.mul(tf.gather(y, tf.tensor1d([1, 0, 2, 3, 4, 5], 'int32')), bias())],
  ['some of the rows', (y) => tf.mul(tf.concat([y.slice([1, 0]), y.slice([0, 0], [1, COLUMNS])], 0), bias())],
  ['columns that turn into rows', (y) => tf.mul(tf.reshape(tf.transpose(y), [ROWS, COLUMNS]), bias())],
];

describe('rows of a batch', () => {
  test.each(apart)('are apart under %s', (_, net) => {
    expect(isCut(net)).toBe(true);
  });

  test.each(mixed)('are not under %s', (_, net) => {
    expect(isCut(net)).toBe(false);
  });

  test('are not where each has parameters of its own', () => {
    expect(isCut((y) => tf.mul(y, perRow as unknown as tf.Tensor2D), [perRow])).toBe(false);
  });

  test('are apart under variables and captured tensors of the batch, if these are cut', () => {
    const captured = noise();
    for (const x of [perRow, captured]) {
      const f: FlatField = (_, [y]) => [tf.mul(tf.mul(y!, x), bias())];
      const { program } = traceGradient({ f, shapes: [[ROWS, COLUMNS]], parameters: [b] });
      expect(shardings(program, ROWS)).toBeUndefined();
      expect(shardings(program, ROWS, true)).toBeDefined();
    }
    captured.dispose();
  });

  test('are apart under convolutions, with summands of the filter', () => {
    const net: Net = (y) =>
      tf.reshape(
        tf.conv1d(tf.reshape<tf.Rank.R3>(y, [ROWS, COLUMNS, 1]), filter as unknown as tf.Tensor3D, 1, 'same'),
        [ROWS, COLUMNS],
      );
    expect(isCut(net, [filter])).toBe(true);
    const f: FlatField = (_, [y]) => [net(y as tf.Tensor2D, tf.scalar(0))];
    const { program } = traceGradient({ f, shapes: [[ROWS, COLUMNS]], parameters: [filter] });
    const found = shardings(program, ROWS)!;
    const shardingOf = (port: string): string =>
      found[program.outputs.find(({ name }) => name === port)!.value]!;
    expect(['f0', 'gy0', 'gp0'].map(shardingOf)).toEqual(['sharded', 'sharded', 'partial']);
  });
});
