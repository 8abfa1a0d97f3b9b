import * as tf from '@tensorflow/tfjs';
import { ArgumentError } from '@odegrad/core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { vectorField } from '../eager/field.ts';
import { flatField } from './flat-field.ts';
import { findReads } from './probe.ts';
import { structureOf } from './structure.ts';
import { tfjsEngine } from '../eager/tfjs-engine.ts';

beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
});

const numbers = (x: tf.Tensor): number[] => [...x.dataSync()];
let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

describe('a vector field on tensors', () => {
  it('gives values of its own, whatever f returns', () => {
    const y = tf.tensor1d([1, 2]);
    const constant = tf.tensor1d([5, 6]);
    const v = tf.tidy(() => tf.variable(tf.tensor1d([7, 8])));
    const t = (time: tf.Scalar): tf.Tensor => tf.add(time, y);
    for (const f of [
      (_: tf.Scalar, [x]: readonly tf.Tensor[]) => [x!],
      () => [constant],
      () => [v],
      (time: tf.Scalar) => [t(time)],
    ]) {
      const field = vectorField({ f, parameters: [] });
      const [value] = field.evaluate(0.5, [y]);
      const lin = field.linearize(0.5, [y]);
      expect(numbers(lin.value[0]!)).toEqual(numbers(value!));
      expect(new Set([value, lin.value[0], y, constant, v]).size).toBe(5);
      lin.release();
      // Core releases what it is given; nothing of the user's may die of that.
      tf.dispose([value!, ...lin.value]);
    }
    expect([y, constant, v].map(numbers)).toEqual([
      [1, 2],
      [5, 6],
      [7, 8],
    ]);
    tf.dispose([y, constant, v]);
  });

  it('pulls back to y, to parameters and to t; zeros where f does not use them', () => {
    const [y, z] = [tf.tensor1d([1, 2]), tf.scalar(3)];
    const [used, unused] = tf.tidy(() => [tf.variable(tf.scalar(4)), tf.variable(tf.ones([2, 2]))]);
    const field = vectorField({
      f: (t, [a, b]) => [tf.mul(tf.mul(used, t), tf.square(a!)), tf.zerosLike(b!)],
      parameters: [used, unused],
    });
    const lin = field.linearize(0.5, [y, z]);
    const k = [tf.tensor1d([1, -1]), tf.scalar(1)];
    for (let again = 0; again < 2; again++) {
      const {
        t,
        y: [yBar, zBar],
        parameters: [usedBar, unusedBar],
      } = lin.pullback(k, again === 1);
      // ∂/∂y = 2·4·0.5·y·k, ∂/∂used = 0.5·Σ k y², ∂/∂t = 4·Σ k y².
      expect(numbers(yBar!)).toEqual([4, -8]);
      expect(numbers(zBar!)).toEqual([0]);
      expect(numbers(usedBar!)).toEqual([-1.5]);
      expect(unusedBar!.shape).toEqual([2, 2]);
      expect(numbers(unusedBar!)).toEqual([0, 0, 0, 0]);
      expect(t).toBe(again === 1 ? -12 : 0);
      tf.dispose([yBar!, zBar!, usedBar!, unusedBar!]);
    }
    lin.release();
    tf.dispose([...lin.value, ...k, y, z, used, unused]);
  });

  it('holds activations in proportion to the layers of f, and no temporaries', () => {
    const w = tf.tidy(() => tf.variable(tf.randomNormal<tf.Rank.R2>([4, 4])));
    const y = tf.randomNormal([2, 4]);
    const made = tf.memory().numTensors;
    const held = [1, 2, 5].map((layers) => {
      const field = vectorField({
        f(_, [x]) {
          let h = x!;
          for (let i = 0; i < layers; i++) h = tf.tanh(tf.matMul(h as tf.Tensor2D, w));
          return [h];
        },
        parameters: [w],
      });
      const slopes = field.evaluate(0, [y]);
      expect(tf.memory().numTensors).toBe(made + 1);
      tf.dispose([...slopes]);
      const lin = field.linearize(0, [y]);
      const tensors = tf.memory().numTensors - made;
      lin.release();
      expect(tf.memory().numTensors).toBe(made + 1);
      tf.dispose([...lin.value]);
      return { bytes: lin.bytes, tensors };
    });
    // A layer of matMul and tanh: the tanh alone is new. Handles: two inputs, one output; and the value.
    expect(held).toEqual([1, 2, 5].map((layers) => ({ bytes: layers * 32, tensors: 3 * layers + 1 })));
    tf.dispose([w, y]);
  });

  it('is of float32 only', () => {
    const y = tf.tensor1d([1]);
    const request = {
      f: (_: tf.Scalar, z: readonly tf.Tensor[]) => z,
      key: () => 0,
      t0: 0,
      y0: [y],
      parameters: [],
    };
    expect(() => tfjsEngine.prepare({ ...request, dtype: 'float64' })).toThrow(/float32.*'onnx'/);
    const { field, fromTensor, toTensor } = tfjsEngine.prepare({ ...request, dtype: 'float32' });
    expect(field.engine.roundoff).toBe(2 ** -24);
    const x = tf.tidy(() => fromTensor(y));
    const back = toTensor(x);
    expect(numbers(back)).toEqual([1]);
    expect(new Set([x, back, y]).size).toBe(3);
    tf.dispose([x, back, y]);
  });
});

describe('findReads', () => {
  it('finds trainable variables once, in the order of their use, also behind tf.grad and models', () => {
    const [a, b, c, frozen] = tf.tidy(() => [
      tf.variable(tf.scalar(1)),
      tf.variable(tf.scalar(2)),
      tf.variable(tf.scalar(3)),
      tf.variable(tf.scalar(4), false),
    ]);
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
    const y = tf.ones([1, 2]);
    const made = tf.memory().numTensors;
    const inner = (z: tf.Tensor): tf.Tensor =>
      tf.sum(tf.mul(tf.exp(tf.mul(b, z)), model.apply(z) as tf.Tensor));
    const found = findReads(
      (_, [z]) => [tf.add(tf.mul(a, tf.grad(inner)(z!)), tf.mul(tf.mul(frozen, a), z!))],
      0,
      [y],
    );
    expect(tf.memory().numTensors).toBe(made);
    expect(found).not.toContain(c);
    const byId = (u: tf.Tensor, v: tf.Tensor): number => u.id - v.id;
    const weights = findReads((_, [z]) => [model.apply(z!) as tf.Tensor], 0, [y]);
    expect(weights).toHaveLength(2);
    expect([...found].sort(byId)).toEqual([a, b, frozen, ...weights].sort(byId));
    model.dispose();
    tf.dispose([a, b, c, frozen, y]);
  });

  it('does not take a variable as y0 for a parameter, unless f reads it besides', () => {
    const v = tf.tidy(() => tf.variable(tf.scalar(2)));
    expect(findReads((_, [z]) => [tf.neg(z!)], 0, [v])).toEqual([]);
    expect(findReads((_, [z]) => [tf.mul(v, z!)], 0, [v])).toEqual([v]);
    v.dispose();
  });
});

describe('flatField', () => {
  const y0 = { a: tf.tensor1d([1, 2]), b: tf.scalar(1) };
  const parts = [y0.a, y0.b];
  beforeAll(() => {
    before = tf.memory().numTensors;
  });
  const call = (f: unknown): void => {
    const flat = flatField(f as () => typeof y0, structureOf(y0), parts);
    tf.tidy(() => {
      flat(tf.scalar(0), parts);
    });
  };

  it.each<[string, (t: tf.Scalar, y: { a: tf.Tensor; b: tf.Tensor }) => unknown, string]>([
    ['nothing', () => undefined, 'f(t, y) must be a record with the keys of y0, a, b, not undefined'],
    ['a number', () => 3, 'not 3'],
    ['a tensor', (_, { a }) => a, 'not a tensor'],
    ['an array', (_, { a, b }) => [a, b], 'not an array of 2'],
    ['other keys', (_, { a, b }) => ({ a, c: b }), 'not one with a, c'],
    ['too many keys', (_, { a, b }) => ({ a, b, c: b }), 'not one with a, b, c'],
    ['no tensor in it', (_, { a }) => ({ a, b: 1 }), 'f(t, y).b must be a tensor, not 1'],
    ['the wrong shape', (_, { b }) => ({ a: b, b }), 'f(t, y).a has the shape [], but y0.a has [2]'],
    ['the wrong dtype', (_, { a, b }) => ({ a: tf.cast(a, 'int32'), b }), 'f(t, y).a is of dtype int32'],
    ['a promise', async (_, y) => y, 'cannot be async'],
    ['a rejected promise', () => Promise.reject(new Error('x')), 'cannot be async'],
  ])('refuses %s', (_, f, message) => {
    expect(() => {
      call(f);
    }).toThrow(ArgumentError);
    expect(() => {
      call(f);
    }).toThrow(message);
  });

  it('refuses what is neither a function nor a model', () => {
    for (const f of [undefined, null, 3, 'dense', {}, []]) {
      expect(() => {
        call(f);
      }).toThrow(/f must be a function .* or a tf.layers model/);
    }
  });

  it('takes keys in any order', () => {
    const flat = flatField((_, { a, b }) => ({ b: tf.neg(b), a: tf.neg(a) }), structureOf(y0), parts);
    const slopes = tf.tidy(() => flat(tf.scalar(0), parts).map(numbers));
    expect(slopes).toEqual([[-1, -2], [-1]]);
  });
});
