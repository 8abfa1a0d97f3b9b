import * as tf from '@tensorflow/tfjs';
import { ArgumentError, createRegistry, EngineError } from '@odegrad/core';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FieldEngine } from '../eager/field-engine.ts';
import { float64Parts } from './float64-parts.ts';
import { odeint } from './odeint.ts';
import type { OdeOptions } from './options.ts';
import { solve } from './solve.ts';
import { tfjsEngine } from '../eager/tfjs-engine.ts';

const registry = createRegistry().use(tableaux).use(symplectic);
const doubles = (...numbers: number[]): Float64Array => Float64Array.from(numbers);

beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
});

let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

/** Tries both front ends, which must refuse alike. */
function refused(
  y0: unknown,
  message: string | RegExp,
  error: new (...args: never[]) => Error = ArgumentError,
  options: OdeOptions = {},
): void {
  const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);
  for (const go of [odeint, solve]) {
    const run = (): unknown => go(f, y0 as tf.Tensor, [0, 1], { registry, numSteps: 1, ...options });
    expect(run).toThrow(error);
    expect(run).toThrow(message);
  }
}

describe('states in doubles', () => {
  const pair = doubles(1, 2);

  it.each<[string, unknown, string]>([
    ['NaN', doubles(1, NaN), 'y0 has entries that are NaN or infinite'],
    [
      'infinity',
      { position: { shape: [], data: doubles(Infinity) } },
      'y0.position has entries that are NaN',
    ],
    [
      'too few numbers',
      { position: { shape: [2, 2], data: doubles(1, 2, 3) } },
      'y0.position.data has 3 numbers, but the shape [2, 2] holds 4',
    ],
    ['too many for a scalar', { shape: [], data: pair }, 'y0.data has 2 numbers, but the shape [] holds 1'],
    [
      'half an extent',
      [pair, { shape: [4, 0.5], data: pair }],
      'y0[1] has the shape [4, 0.5]; extents must be integers ≥ 0',
    ],
    ['a negative extent', { shape: [-1, -2], data: pair }, 'y0 has the shape [-1, -2]; extents must be'],
    ['an extent that is no number', { shape: ['2'], data: pair }, 'y0 has the shape [2]; extents must be'],
    [
      'single precision',
      { shape: [2], data: Float32Array.of(1, 2) },
      'y0.data must be a Float64Array, not a Float32Array',
    ],
    ['a list', { shape: [2], data: [1, 2] }, 'y0.data must be a Float64Array, not an array of 2'],
    ['no data', { shape: [2], data: undefined }, 'y0.data must be a Float64Array, not undefined'],
    [
      'a bare Float32Array',
      Float32Array.of(1, 2),
      'not a Float32Array. Make one with tf.tensor(…), or give a Float64Array',
    ],
    ['another thing beside', [pair, 3], 'y0[1] must be a Float64Array or { shape, data }, not 3'],
    [
      'an array beside',
      { a: pair, b: [1] },
      'y0.b must be a Float64Array or { shape, data }, not an array of 1',
    ],
  ])('are refused: %s', (_, y0, message) => {
    refused(y0, message);
  });

  it('are not mixed with tensors', () => {
    const x = tf.tensor1d([1, 2]);
    refused([x, pair], 'y0[0] is a tensor, but y0[1] is in doubles. Give all parts of y0 as tensors, or all');
    refused({ a: { shape: [2], data: pair }, b: x }, 'y0.b is a tensor, but y0.a is in doubles');
    x.dispose();
  });

  it('are solved in float64 and in nothing else', () => {
    refused(pair, "`dtype` is 'float32', but y0 is given in doubles", ArgumentError, { dtype: 'float32' });
    refused(pair, "`dtype` must be 'float32' or 'float64', not 'float16'", ArgumentError, {
      dtype: 'float16' as 'float32',
    });
    refused(pair, /Engine 'tfjs' computes in float32.*give tensors.*engine: 'onnx'/);
    refused(pair, /Engine 'tfjs' computes in float32/, ArgumentError, { dtype: 'float64' });
  });

  it('need an engine with ways in and out for them', () => {
    for (const way of ['fromArray', 'toArray']) {
      const engine: FieldEngine<tf.Tensor> = {
        name: 'half',
        prepare: (request) => ({
          ...tfjsEngine.prepare({ ...request, dtype: 'float32' }),
          [way]: () => {
            throw new Error('never called');
          },
        }),
      };
      refused(pair, "Engine 'half' takes no states in doubles", EngineError, { engine });
    }
  });

  it('reach f and the engine as rounded tensors, lent for that long', () => {
    const seen: tf.Tensor[] = [];
    const engine: FieldEngine<tf.Tensor> = {
      name: 'spy',
      prepare(request) {
        seen.push(...request.y0);
        expect(request.dtype).toBe('float64');
        expect(request.y0.map((x) => [x.dtype, x.shape, ...x.dataSync()])).toEqual([
          ['float32', [1, 2], Math.fround(0.1), Infinity],
          ['float32', [], 2],
        ]);
        throw new Error('seen enough');
      },
    };
    const y0 = { a: { shape: [1, 2], data: doubles(0.1, 1e300) }, b: { shape: [], data: doubles(2) } };
    const f = (_: tf.Scalar, { a, b }: { a: tf.Tensor; b: tf.Tensor }): { a: tf.Tensor; b: tf.Tensor } => {
      seen.push(a, b);
      return { a, b };
    };
    expect(() => solve(f, y0, [0, 1], { registry, engine })).toThrow('seen enough');
    expect(seen).toHaveLength(4);
    expect(seen.every(({ isDisposed }) => isDisposed)).toBe(true);
  });

  it('leave nothing when one of several cannot be lent', () => {
    const parts = [
      { shape: [1], data: doubles(1) },
      { shape: [2], data: doubles(1) },
    ];
    expect(() => float64Parts.withTensors(parts, () => 0)).toThrow();
  });

  it('are on no tape', () => {
    const y0 = tf.tensor1d([1, 2]);
    const go = (): tf.Tensor =>
      tf.grad((y: tf.Tensor) => {
        odeint((_, z) => tf.neg(z), pair, [0, 1], { registry, numSteps: 1 });
        return tf.sum(y);
      })(y0);
    expect(go).toThrow(ArgumentError);
    expect(go).toThrow(/y0 is in doubles.*solve\(…\)\.pullback/);
    y0.dispose();
  });
});

describe('records of tensors', () => {
  it('may have the keys shape and data', () => {
    const y0 = { shape: tf.tensor1d([1, 2]), data: tf.scalar(3) };
    const options = { registry, numSteps: 1, solver: 'euler' };
    const ys = odeint((_, { shape, data }) => ({ shape: tf.neg(shape), data }), y0, [0, 1], options);
    expect([...ys.shape.dataSync(), ...ys.data.dataSync()]).toEqual([1, 2, 0, 0, 3, 6]);
    tf.dispose([y0.shape, y0.data, ys.shape, ys.data]);
  });
});
