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
  return (f, more) => cache(requestOf(f, more), '').made;
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
    const [a, b] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(1))];
    const with_ =
      (v: tf.Variable): FlatField =>
      (_, [y]) => [tf.mul(y!, v)];
    expect([cached(with_(a)), cached(with_(a)), cached(with_(b))]).toEqual([0, 0, 1]);
    expect(cached(with_(a), { parameters: [a] })).toBe(2);
    expect(cached(with_(a), { dtype: 'float64' })).toBe(3);
    const longer = tf.ones([3]);
    expect(cached(with_(a), { y0: [longer] })).toBe(4);
    tf.dispose([a, b, longer]);
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
