import type { FieldRequest, FlatField } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createTraceCache } from './cache.ts';

let y0: tf.Tensor;
beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
  y0 = tf.ones([2]);
});
afterAll(() => {
  y0.dispose();
});

const requestOf = (f: FlatField, more: Partial<FieldRequest> = {}): FieldRequest => ({
  f,
  key: f,
  t0: 0,
  y0: [y0],
  parameters: [],
  dtype: 'float32',
  ...more,
});

/** A cache of numbers that count up. */
function countingCache(): (f: FlatField, more?: Partial<FieldRequest>) => number {
  let made = 0;
  const cache = createTraceCache(() => made++);
  return (f, more) => cache(requestOf(f, more), '').traced.made;
}

const times =
  (factor: number): FlatField =>
  (_, [y]) => [tf.mul(y!, factor)];

describe('createTraceCache', () => {
  it('makes once what functions need that record alike', () => {
    const cached = countingCache();
    expect([times(2), times(2), times(3), times(2)].map((f) => cached(f))).toEqual([0, 0, 1, 0]);
  });

  it('tells shapes, precisions and parameters apart', () => {
    const cached = countingCache();
    const a = tf.variable(tf.scalar(1));
    const with_ =
      (v: tf.Tensor): FlatField =>
      (_, [y]) => [tf.mul(y!, v)];
    expect([cached(with_(a)), cached(with_(a))]).toEqual([0, 0]);
    expect(cached(with_(a), { parameters: [a] })).toBe(1);
    expect(cached(with_(a), { dtype: 'float64' })).toBe(2);
    const longer = tf.ones([3]);
    expect(cached(with_(a), { y0: [longer] })).toBe(3);
    tf.dispose([a, longer]);
  });

  it('makes the same of other variables and captured tensors, and says which they are', () => {
    const cache = createTraceCache(() => ({}));
    const read: tf.Tensor[] = [tf.variable(tf.scalar(1)), tf.scalar(2)];
    let factor = read[0]!;
    const f: FlatField = (_, [y]) => [tf.mul(y!, factor)];
    const other: FlatField = (_, [y]) => [tf.mul(y!, factor)];
    const found = read.flatMap((x) => {
      factor = x;
      return [cache(requestOf(f), ''), cache(requestOf(other), '')];
    });
    expect(new Set(found.map(({ traced }) => traced.made)).size).toBe(1);
    expect(found.map(({ others }) => others)).toEqual([read[0], read[0], read[1], read[1]].map((x) => [x]));
    tf.dispose(read);
  });

  it('knows what the gradient alone reads', () => {
    const cache = createTraceCache(() => ({}));
    let factor = tf.scalar(2);
    const bent = tf.customGrad((x) => ({
      value: tf.neg(x as tf.Tensor),
      gradFunc: (dy) => tf.mul(dy, factor),
    }));
    const f: FlatField = (_, [y]) => [bent(y!)];
    const [first, second] = [factor, tf.scalar(3)];
    expect(cache(requestOf(f), '').others).toEqual([first]);
    factor = second;
    expect(cache(requestOf(f), '').others).toEqual([second]);
    tf.dispose([first, second]);
  });

  it('makes anew what a function that records otherwise needs, if it stays that', () => {
    const cached = countingCache();
    let factor = 2;
    const f: FlatField = (_, [y]) => [tf.mul(y!, factor)];
    expect(cached(f)).toBe(0);
    factor = 3;
    expect([cached(f), cached(f)]).toEqual([1, 1]);
    factor = 2;
    expect(cached(f)).toBe(0);
    const counter: FlatField = (_, [y]) => [tf.mul(y!, factor++)];
    cached(counter);
    expect(() => cached(counter)).toThrow(/not the function that was recorded.*other values/s);
  });

  it('tells functions apart whose values are alike and whose gradients are not', () => {
    const cached = countingCache();
    const bent = (factor: number): FlatField => {
      const twice = tf.customGrad((x) => ({
        value: tf.mul(x as tf.Tensor, 2),
        gradFunc: (dy) => tf.mul(dy, factor),
      }));
      return (_, [y]) => [twice(y!)];
    };
    expect([bent(2), bent(2), bent(5), bent(2)].map((f) => cached(f))).toEqual([0, 0, 1, 0]);
  });

  it('keeps the sixteen that were asked for last, and those whose functions live', () => {
    const cached = countingCache();
    const first = times(0);
    cached(first);
    for (let i = 1; i <= 16; i++) cached(times(i));
    expect(cached(first)).toBe(0);
    expect(cached(times(1))).toBe(1);
    expect(cached(times(0))).toBe(17);
  });
});
