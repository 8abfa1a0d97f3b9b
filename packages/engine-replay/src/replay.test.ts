import { createRequire } from 'node:module';
import { dirname } from 'node:path';

import type { FlatField } from '@odegrad/engine-tfjs';
import { tfjsEngine } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { prepareReplay } from './replay.ts';
import { replayEngine } from './engine.ts';
import { wasmPasses } from './passes.ts';
import { runPasses, traceField, traceGradient } from '@odegrad/trace';

const require = createRequire(import.meta.url);
let weights: tf.Variable[];

beforeAll(async () => {
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend('wasm');
  const normal = (shape: number[], seed: number): tf.Variable =>
    tf.variable(tf.randomNormal(shape, 0, 0.3, 'float32', seed));
  weights = [normal([64, 32], 1), normal([64], 2), normal([32, 64], 3), normal([32], 4)];
});
afterAll(async () => {
  tf.dispose(weights);
  await tf.setBackend('cpu');
});

const linear = (x: tf.Tensor, w: tf.Variable, b: tf.Variable): tf.Tensor =>
  tf.add(tf.matMul(x as tf.Tensor2D, w as unknown as tf.Tensor2D, false, true), b);
const network: FlatField = (_, [y]) => [
  linear(tf.tanh(linear(y!, weights[0]!, weights[1]!)), weights[2]!, weights[3]!),
];

function distance(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(
    () => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]! / Math.max(1, tf.max(tf.abs(b)).dataSync()[0]!),
  );
}

describe('replay on wasm', () => {
  test('is on wasm', () => {
    expect(tf.getBackend()).toBe('wasm');
  });

  test('rewrites transposed products and row additions, and leaves small ones', () => {
    const { program } = traceGradient({ f: network, shapes: [[128, 32]], parameters: weights });
    const rewritten = runPasses(wasmPasses, program);
    const products = rewritten.instructions.filter(({ kernel }) => /MatMul/.test(kernel));
    // Six of the network and its gradient, and two sums over the batch.
    expect(products).toHaveLength(8);
    for (const { attrs } of products)
      expect([attrs['transposeA'], attrs['transposeB']]).toEqual([false, false]);
    expect(products.filter(({ kernel }) => kernel === '_FusedMatMul')).toHaveLength(2);
    const { program: small } = traceField({
      f: (_, [y]) => [tf.matMul(y as tf.Tensor2D, tf.ones([2, 2]), false, true)],
      shapes: [[3, 2]],
      parameters: [],
    });
    expect(runPasses(wasmPasses, small).instructions).toEqual(small.instructions);
  });

  test.each([1, 128])('agrees with eager TensorFlow.js for a batch of %i, and leaves nothing', (batch) => {
    const y0 = tf.randomNormal([batch, 32], 0, 1, 'float32', 9);
    const request = {
      f: network,
      key: network,
      t0: 0,
      y0: [y0],
      parameters: weights,
      dtype: 'float32',
    } as const;
    const before = tf.memory();
    const [eager, replayed] = [tfjsEngine.prepare(request).field, replayEngine.prepare(request).field];
    const linearization = eager.linearize(0, [y0]);
    const wanted = linearization.pullback([y0], false);
    const value = replayed.evaluate(0, [y0]);
    const found = replayed.vjp!(0, [y0], [y0], false);
    expect(found).not.toHaveProperty('value');
    expect(distance(value[0]!, linearization.value[0]!)).toBeLessThan(1e-6);
    for (const [i, x] of [...wanted.y, ...wanted.parameters].entries()) {
      expect(distance([...found.y, ...found.parameters][i]!, x)).toBeLessThan(1e-6);
    }
    tf.dispose([
      ...linearization.value,
      ...wanted.y,
      ...wanted.parameters,
      ...value,
      ...found.y,
      ...found.parameters,
    ]);
    linearization.release();
    const half = replayed.linearize(0, [y0]);
    tf.dispose([...half.value]);
    half.release();
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
    y0.dispose();
  });

  test('calls compiled functions that take the arguments known here', () => {
    const { asm } = (
      tf.backend() as unknown as { wasm: { asm: Record<string, (...args: number[]) => void> } }
    ).wasm;
    for (const kernel of ['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference'])
      expect(asm[kernel]).toHaveLength(8);
    expect(asm['BatchMatMul']).toHaveLength(9);
    expect(asm['Transpose']).toHaveLength(7);
  });

  test('results of one run are not those of the next', () => {
    const f: FlatField = (_, [y]) => [tf.reshape(tf.add(tf.mul(tf.reshape(y!, [2, 3]), 2), 1), [3, 2])];
    const points = [tf.ones([3, 2]), tf.zeros([3, 2])];
    const { field } = replayEngine.prepare({
      f,
      key: f,
      t0: 0,
      y0: [points[0]!],
      parameters: [],
      dtype: 'float32',
    });
    const [a, b] = points.map((y) => field.evaluate(0, [y])[0]!);
    expect([a!.dataSync()[0], b!.dataSync()[0]]).toEqual([3, 1]);
    tf.dispose([a!, b!, ...points]);
  });

  test('does not take the matrices of one run for those of the next', () => {
    const f: FlatField = (_, [y]) => {
      const square = tf.mul<tf.Tensor2D>(y!, y!);
      return [tf.matMul(tf.add(square, 1), tf.sub(square, tf.matMul(square, tf.add(square, 2))))];
    };
    const points = [1, 2, 3].map((k) => tf.fill([3, 3], k));
    const { field } = replayEngine.prepare({
      f,
      key: f,
      t0: 0,
      y0: [points[0]!],
      parameters: [],
      dtype: 'float32',
    });
    for (const y of points) {
      const [found, wanted] = [field.evaluate(0, [y])[0]!, f(tf.scalar(0), [y])[0]!];
      expect(found.dataSync()).toEqual(wanted.dataSync());
      tf.dispose([found, wanted]);
    }
    tf.dispose(points);
  });

  test('composes large hyperbolic tangents to full relative precision', () => {
    for (const scale of [1e-6, 1e-2, 1, 30]) {
      const y0 = tf.mul(tf.randomNormal([64, 64], 0, 1, 'float32', 9), scale);
      const f: FlatField = (_, [y]) => [tf.tanh(y!)];
      const { field } = replayEngine.prepare({
        f,
        key: f,
        t0: 0,
        y0: [y0],
        parameters: [],
        dtype: 'float32',
      });
      const [slope] = field.evaluate(0, [y0]);
      const [found, at] = [slope!.dataSync(), y0.dataSync()];
      for (const [i, x] of at.entries())
        expect(Math.abs(found[i]! - Math.tanh(x))).toBeLessThanOrEqual(8 * 2 ** -24 * Math.abs(Math.tanh(x)));
      tf.dispose([slope!, y0]);
    }
  });

  test('gives the eager bits where nothing is rewritten', () => {
    const f: FlatField = (t, [y]) => [tf.mul(tf.sigmoid(tf.add(y!, t)), tf.exp(tf.neg(tf.square(y!))))];
    const y0 = tf.randomNormal([5, 3], 0, 1, 'float32', 9);
    const { field } = replayEngine.prepare({ f, key: f, t0: 0, y0: [y0], parameters: [], dtype: 'float32' });
    const [slope] = field.evaluate(0.3, [y0]);
    expect(slope!.dataSync()).toEqual(f(tf.scalar(0.3), [y0])[0]!.dataSync());
    tf.dispose([slope!, y0]);
  });

  test('frees its buffers when a kernel fails', () => {
    const { program } = traceField({
      f: (_, [y]) => [tf.transpose(tf.mul(tf.tanh(y!), tf.exp(tf.sigmoid(y!))), [1, 0, 2])],
      shapes: [[2, 2, 2]],
      parameters: [],
    });
    const broken = program.instructions.map((made) =>
      made.kernel === 'Transpose' ? { ...made, attrs: {} } : made,
    );
    const replay = prepareReplay({ ...program, instructions: broken });
    const before = tf.engine().backend.numDataIds();
    const y = tf.ones([2, 2, 2]);
    expect(() => replay.run({ y0: y })).toThrow();
    y.dispose();
    expect(tf.engine().backend.numDataIds()).toBe(before);
  });
});
