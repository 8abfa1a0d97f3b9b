import { ArgumentError, createRegistry } from '@odegrad/core';
import { odeint, solve, type OdeOptions } from '@odegrad/engine-tfjs';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';

import { onnx } from './onnx.ts';
import { traceField } from '@odegrad/trace';

const registry = createRegistry().use(tableaux).use(symplectic).use(onnx());
const precise: OdeOptions = { registry, engine: 'onnx', solver: 'dopri8', rtol: 1e-13, atol: 1e-14 };

const step: OdeOptions = { registry, engine: 'onnx', solver: 'euler', numSteps: 1 };

beforeAll(async () => {
  await tf.setBackend('cpu');
});

let warn: MockInstance<typeof console.warn>;
let before = 0;
beforeEach(() => {
  warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  before = tf.memory().numTensors;
});
afterEach(() => {
  warn.mockRestore();
  expect(tf.memory().numTensors).toBe(before);
});
const warnings = (): string[] =>
  warn.mock.calls.map(([text]) => String(text)).filter((text) => text.startsWith('odegrad: in doubles'));

/** Seven digits and more, which float32 rounds: to its last digits, and not to what six digits would give back. */
const NUMBERS = [0.1, 1 / 3, 9.80665, 1.380649, 2.99792458, 3.652425, -0.123456789012345, 1.602176634e-3];

describe('numbers in f, in doubles', () => {
  /** A constant array of one entry, made in every way that TensorFlow.js has. */
  const ways: Readonly<Record<string, (c: number) => tf.Tensor | number | number[]>> = {
    'a number': (c) => c,
    'a list': (c) => [c],
    'a scalar': (c) => tf.scalar(c),
    'a tensor of a list': (c) => tf.tensor1d([c]),
    'a tensor of lists': (c) => tf.tensor2d([[2, c], [c, 3]]).slice([0, 1], [1, 1]).reshape([1]), // prettier-ignore
    'a filled tensor': (c) => tf.fill([1], c),
    'a range': (c) => tf.slice(tf.range(c, c + 3, 1), [0], [1]),
    'evenly spaced ones': (c) => tf.slice(tf.linspace(0, 2 * c, 3), [1], [1]),
    'a clone': (c) => tf.clone(tf.tensor1d([c])),
    'a sum': (c) => tf.sub(tf.add(c, 0.7), 0.7),
    'a quotient': (c) => tf.div(tf.scalar(c * 7), 7),
    'a root': (c) => tf.mul(Math.sign(c), tf.sqrt(tf.square(tf.tensor1d([c])))),
    'a product of matrices': (c) =>
      tf.reshape(tf.matMul(tf.tensor2d([[c, 0]]), tf.tensor2d([[1], [0.3]])), [1]),
    'a sum of its digits': (c) => tf.sum(tf.tensor1d([c - Math.fround(c), Math.fround(c)])),
  };
  test.each(Object.entries(ways))('are right to 1e-14 as %s', (_, constant) => {
    for (const c of NUMBERS) {
      const f = (__: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(y, constant(c));
      const { data } = odeint(f, Float64Array.of(1), [0, 1], step);
      expect(Math.abs(data[1]! - (1 + c)), String(c)).toBeLessThanOrEqual(2e-15 * Math.max(1, Math.abs(c)));
    }
    expect(warnings()).toEqual([]);
  });

  test.each(NUMBERS)('make eᶜ right to 1e-12 for c = %d, and its gradient', (c) => {
    const solution = solve((_, y) => tf.mul(y, c), Float64Array.of(1), [0, 1], precise);
    const { y0 } = solution.pullback(Float64Array.of(0, 1));
    for (const value of [solution.ys.data[1]!, y0.data[0]!]) {
      expect(Math.abs(value / Math.exp(c) - 1)).toBeLessThan(1e-12);
    }
    solution.dispose();
  });

  test('float32 numbers that are written stay what they are', () => {
    const c = Math.fround(0.1);
    const { data } = odeint((_, y) => tf.mul(y, c), Float64Array.of(1), [0, 1], precise);
    expect(Math.abs(data[1]! / Math.exp(c) - 1)).toBeLessThan(1e-13);
  });

  test('two functions that differ in a digit beyond float32 are two', () => {
    const values = [1.380649, 1.3806490001].map(
      (c) => odeint((_, y) => tf.mul(y, c), Float64Array.of(1), [0, 1], precise).data[1]!,
    );
    expect(values[1]! / values[0]! - 1).toBeCloseTo(1e-10, 13);
  });

  test('are recorded for doubles only, and TensorFlow.js is left as it was', () => {
    const constants = (dtype: 'float32' | 'float64'): unknown[] => {
      const { program } = traceField({
        f: (_, [y]) => [tf.mul(y!, 9.80665)],
        shapes: [[1]],
        parameters: [],
        dtype,
      });
      return [...program.constants.values()];
    };
    const { platform } = tf.env();
    const original = platform.isTypedArray;
    expect(constants('float32')).toEqual([Float32Array.of(9.80665)]);
    expect(constants('float64')).toEqual([Float64Array.of(9.80665)]);
    expect(platform.isTypedArray).toBe(original);
    expect(Object.hasOwn(platform, 'isTypedArray')).toBe(false);
    expect(() =>
      traceField({
        f: () => {
          throw new RangeError('mine');
        },
        shapes: [[1]],
        parameters: [],
        dtype: 'float64',
      }),
    ).toThrow('mine');
    expect(platform.isTypedArray).toBe(original);
  });

  test('captured tensors: short decimals are told, others warned of once, by their value', () => {
    const [short, list, long] = [tf.scalar(0.1), tf.tensor1d([9.80665]), tf.tensor1d([1.380649])];
    const rate = (c: tf.Tensor): number =>
      Math.log(odeint((_, y) => tf.mul(y, c), Float64Array.of(1), [0, 1], precise).data[1]!);
    expect(rate(short)).toBeCloseTo(0.1, 13);
    expect(rate(list)).toBeCloseTo(9.80665, 12);
    expect(warnings()).toEqual([]);
    expect(rate(long)).toBeCloseTo(Math.fround(1.380649), 12);
    expect(rate(long)).toBeCloseTo(Math.fround(1.380649), 12);
    expect(warnings()).toEqual([
      expect.stringMatching(/in doubles.*float32 tensor.*1\.3806489706039429.*within f/),
    ]);
    tf.dispose([short, list, long]);
  });
});

describe('times with more digits than float32 has', () => {
  const at =
    (t0: number) =>
    (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
      tf.add(tf.cos(tf.sub(t, t0)), tf.zerosLike(y));

  test.each([1.7e9, 1701234567, 1701234567.25, -2460000.5])('are right in doubles, from %d', (t0) => {
    const options: OdeOptions = { registry, engine: 'onnx', rtol: 1e-8, atol: 1e-10 };
    // Other functions, of which the eager value at the start is another in float32, too.
    for (const offset of [0, 3]) {
      const { data } = odeint(
        at(t0),
        new Float64Array(1),
        [0, 1, 2].map((x) => t0 + offset + x),
        options,
      );
      for (const i of [1, 2])
        expect(Math.abs(data[i]! - (Math.sin(offset + i) - Math.sin(offset)))).toBeLessThan(5e-7);
    }
    expect(warnings()).toEqual([]);
  });

  test.each(['replay', 'onnx'])('are refused in float32 by %s', (engine) => {
    const y0 = tf.zeros([1]);
    const call = (): unknown => odeint(at(1.7e9), y0, [1.7e9, 1.7e9 + 1], { registry, engine });
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(new RegExp(`'${engine}' .*float32.*128 apart`));
    y0.dispose();
  });

  test('do not hide that f is another function than was recorded', () => {
    let c = 1;
    const impure = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(y, c++);
    expect(() => odeint(impure, Float64Array.of(1), [0, 1], precise)).toThrow(
      /f is not the function that was recorded/,
    );
  });
});
