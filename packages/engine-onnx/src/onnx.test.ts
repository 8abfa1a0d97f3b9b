import { Registry, forward, pi, rungeKutta, type State, type VectorField } from '@odegrad/core';
import type { FieldRequest, FlatField } from '@odegrad/engine-tfjs';
import { dopri8 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { arrayOf } from '@odegrad/trace';
import type { FloatData } from '@odegrad/trace';
import type { OnnxArray } from './runtime/runtime.ts';
import { createPool } from '@odegrad/trace';
import { onnx, onnxEngine } from './onnx.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const engine = onnxEngine();

function requestFor(f: FlatField, y0: readonly tf.Tensor[], more: Partial<FieldRequest> = {}): FieldRequest {
  return { f, key: f, t0: 0, y0, parameters: [], dtype: 'float32', ...more };
}

/** Value of f at (t, y) by the engine, with y0 as the point. */
function evaluate(request: FieldRequest, t = 0): number[][] {
  const { field, fromTensor } = engine.prepare(request);
  return field.evaluate(t, request.y0.map(fromTensor)).map((x) => Array.from(x.data as FloatData));
}

describe('engine onnx', () => {
  test('is what the plugin registers, with engine replay', () => {
    expect(onnx().engines?.map(({ name }) => name)).toEqual(['onnx', 'replay']);
    const own = new Registry();
    own.use(onnx());
    own.use(onnx());
    expect(() => own.use(onnx({ threads: 1 }))).toThrow(/already registered/);
  });

  test('sees variables that were assigned between solves, parameters and others', () => {
    const [w, scale] = [tf.variable(tf.tensor1d([1, 2])), tf.variable(tf.scalar(10), false)];
    const f: FlatField = (_, [y]) => [tf.mul(tf.mul(y!, w), scale)];
    const y0 = [tf.tensor1d([1, 1])];
    expect(evaluate(requestFor(f, y0, { parameters: [w] }))).toEqual([[10, 20]]);
    w.assign(tf.tensor1d([3, 4]));
    expect(evaluate(requestFor(f, y0, { parameters: [w] }))).toEqual([[30, 40]]);
    scale.assign(tf.scalar(100));
    expect(evaluate(requestFor(f, y0, { parameters: [w] }))).toEqual([[300, 400]]);
    tf.dispose([w, scale]);
  });

  test('says once that a function is compiled over and over', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const y0 = [tf.ones([2])];
    const solveWith = (scale: number): number[][] =>
      evaluate(requestFor((_, [state]) => [tf.mul(state!, scale)], y0));
    for (let i = 0; i < 50; i++) expect(solveWith(7)).toEqual([[7, 7]]);
    expect(warn).not.toHaveBeenCalled();
    for (let i = 0; i < 50; i++) expect(solveWith(i)).toEqual([[i, i]]);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toMatch(/tf\.variable.*mul.*state.*scale/s);
    warn.mockRestore();
    tf.dispose(y0);
  });

  test('records f once for given shapes, and again for others', () => {
    let calls = 0;
    const f: FlatField = (_, [y]) => {
      calls += 1;
      return [tf.tanh(y!)];
    };
    const counts = [[2], [2], [2], [3], [2], [3]].map((shape) => {
      const before = calls;
      evaluate(requestFor(f, [tf.zeros(shape)]));
      return calls - before;
    });
    // f itself, its gradient, and one evaluation to compare with; then the comparison alone.
    expect(counts).toEqual([3, 1, 1, 3, 1, 1]);
  });

  test('takes t as an input', () => {
    const f: FlatField = (t, [y]) => [tf.add(y!, tf.mul(t, t))];
    expect(evaluate(requestFor(f, [tf.tensor1d([1])]), 3)).toEqual([[10]]);
    expect(evaluate(requestFor(f, [tf.tensor1d([1])]), -4)).toEqual([[17]]);
  });

  test.each<[string, () => { f: FlatField; change: () => void }, (y: number) => number]>([
    [
      'a tensor outside f',
      () => {
        let factor = tf.scalar(2);
        return {
          f: (_, [y]) => [tf.mul(y!, factor)],
          change: () => {
            factor = tf.scalar(3);
          },
        };
      },
      (y) => 3 * y,
    ],
    [
      'a branch outside f',
      () => {
        let flag = true;
        return {
          f: (_, [y]) => [flag ? tf.sin(y!) : tf.cos(y!)],
          change: () => {
            flag = false;
          },
        };
      },
      Math.cos,
    ],
  ])('follows a function whose hidden state changed: %s', (_, make, right) => {
    const { f, change } = make();
    const y0 = [tf.tensor1d([0.5, 1])];
    evaluate(requestFor(f, y0));
    change();
    for (let again = 0; again < 2; again++)
      expect(evaluate(requestFor(f, y0))).toEqual([[0.5, 1].map(right).map(Math.fround)]);
  });

  test('refuses a counter in f at the first solve', () => {
    let count = 0;
    const f: FlatField = (_, [y]) => [tf.mul(y!, (count += 1))];
    expect(() => evaluate(requestFor(f, [tf.tensor1d([1])]))).toThrow(/not the function that was recorded/);
  });

  test('refuses to lose the gradient of a variable that was not found', () => {
    const w = tf.variable(tf.scalar(1));
    const f: FlatField = (_, [y]) => [tf.mul(y!, w)];
    expect(() => engine.prepare(requestFor(f, [tf.tensor1d([1])], { isMissed: (x) => x === w }))).toThrow(
      /variable.*whose gradient is wanted/,
    );
    expect(evaluate(requestFor(f, [tf.tensor1d([1])]))).toEqual([[1]]);
    w.dispose();
  });

  test('replays a function with a kernel that has no lowering, and warns once', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const written =
      (): FlatField =>
      (_, [y]) => [tf.einsum('ij,jk->ik', y!, y!)];
    const f = written();
    const request = requestFor(f, [tf.tensor2d([1, 2, 3, 4], [2, 2])]);
    evaluate(requestFor(f, [tf.ones([3, 3])]));
    for (const key of [f, f, written(), written()]) {
      const { field, fromTensor, toTensor } = engine.prepare({ ...request, f: key, key });
      const [y] = request.y0.map(fromTensor);
      const [slope] = field.evaluate(0, [y!]);
      expect(Array.from(toTensor(slope!).dataSync())).toEqual([7, 10, 15, 22]);
    }
    const texts = warn.mock.calls.map(([text]) => String(text)).filter((text) => text.includes('Einsum'));
    expect(texts).toHaveLength(1);
    warn.mockRestore();
    expect(() => engine.prepare({ ...request, dtype: 'float64' })).toThrow(
      /Einsum.*float64|float64.*Einsum/s,
    );
  });

  test('a function without a derivative can be solved, but not differentiated', () => {
    const f: FlatField = (_, [y]) => [tf.add(y!, tf.stridedSlice(y!, [1], [2], [1]))];
    const { field, fromTensor } = engine.prepare(requestFor(f, [tf.tensor1d([1, 2])]));
    const y = [fromTensor(tf.tensor1d([1, 2]))];
    expect(Array.from(field.evaluate(0, y)[0]!.data as FloatData)).toEqual([3, 4]);
    expect(() => field.linearize(0, y)).toThrow(/gradient/);
  });

  test('a linearization outlives its point, and may be pulled back again', () => {
    const f: FlatField = (_, [y]) => [tf.mul(y!, tf.square(y!))];
    const { field, fromTensor } = engine.prepare(requestFor(f, [tf.tensor1d([1, 2])]));
    const y = fromTensor(tf.tensor1d([1, 2]));
    const linearization = field.linearize(0, [y]);
    field.engine.release(y);
    const overwritten = field.engine.zeros(y);
    expect(overwritten).not.toBe(y);
    const one = fromTensor(tf.tensor1d([1, 1]));
    for (let i = 0; i < 2; i++)
      expect(Array.from(linearization.pullback([one], false).y[0]!.data as FloatData)).toEqual([3, 12]);
    linearization.release();
    expect(() => linearization.pullback([one], false)).toThrow(/released/);
  });

  test.each([
    ['threads', { threads: 0 }],
    ['threads', { threads: 1.5 }],
  ])('refuses %s %o', (_, options) => {
    expect(() => onnxEngine(options)).toThrow(/threads/);
  });
});

const pool = createPool();
const f64 = (values: readonly number[], shape: readonly number[] = [values.length]): OnnxArray =>
  arrayOf(pool, 'float64', values, shape);
const numbers = (state: State<OnnxArray>): number[] => state.flatMap((x) => Array.from(x.data as FloatData));

describe('float64', () => {
  const w = (): tf.Variable => tf.variable(tf.tensor2d([0.3, -0.2, 0.5, 0.7, -0.4, 0.1], [2, 3]));
  const b = (): tf.Variable => tf.variable(tf.tensor1d([0.1, -0.3, 0.2]));

  test.each<[string, (x: tf.Tensor) => tf.Tensor]>([
    ['tanh', (x) => tf.tanh(x)],
    ['sigmoid', (x) => tf.sigmoid(x)],
    ['softplus', (x) => tf.softplus(x)],
    ['elu', (x) => tf.elu(x)],
    ['selu', (x) => tf.selu(x)],
    ['leakyRelu', (x) => tf.leakyRelu(x, 0.2)],
    ['softmax', (x) => tf.softmax(x)],
    ['erf', (x) => tf.erf(x)],
    ['atan', (x) => tf.atan(x)],
    ['log1p', (x) => tf.log1p(tf.square(x))],
    ['cumprod of prod', (x) => tf.mul(x, tf.prod(x, 1, true))],
    [
      'convolution',
      (x) =>
        tf.reshape(
          tf.conv1d(
            tf.reshape<tf.Rank.R3>(x, [2, 3, 1]),
            tf.tensor3d([0.5, -0.25, 0.125], [3, 1, 1]),
            1,
            'same',
          ),
          [2, 3],
        ),
    ],
    ['gradient of a gradient', (x) => tf.grad((z) => tf.sum(tf.mul(tf.tanh(z), tf.exp(z))))(x)],
  ])('the pullback of a network with %s matches central differences', (_, activation) => {
    const [weights, bias] = [w(), b()];
    const f: FlatField = (t, [y]) => [
      tf.matMul(
        activation(tf.add(tf.matMul(y as tf.Tensor2D, weights as unknown as tf.Tensor2D), tf.add(bias, t))),
        weights,
        false,
        true,
      ),
    ];
    const { field } = engine.prepare(
      requestFor(f, [tf.zeros([2, 2])], { parameters: [weights, bias], dtype: 'float64' }),
    );
    const y = [0.37, -0.61, 0.83, 0.22];
    const c = [0.9, -0.4, 0.3, 0.7];
    const dot = (field_: VectorField<OnnxArray>, t: number, at: readonly number[]): number =>
      numbers(field_.evaluate(t, [f64(at, [2, 2])])).reduce((sum, x, i) => sum + x * c[i]!, 0);
    const pulled = field.vjp!(0.2, [f64(y, [2, 2])], [f64(c, [2, 2])], true);
    const step = 1e-5;
    const moved = (i: number, by: number): number[] => y.map((x, k) => (k === i ? x + by : x));
    const slopes = y.map(
      (__, i) => (dot(field, 0.2, moved(i, step)) - dot(field, 0.2, moved(i, -step))) / (2 * step),
    );
    for (const [i, x] of numbers(pulled.y).entries()) expect(Math.abs(x - slopes[i]!)).toBeLessThan(1e-9);
    expect(
      Math.abs(pulled.t - (dot(field, 0.2 + step, y) - dot(field, 0.2 - step, y)) / (2 * step)),
    ).toBeLessThan(1e-9);
    // The parameters' part, along one direction: they are inputs of the model like any other.
    const [first] = field.parameters;
    const weight = (first!.data as FloatData)[1]!;
    const at = (by: number): number => {
      (first!.data as FloatData)[1] = weight + by;
      const value = dot(field, 0.2, y);
      (first!.data as FloatData)[1] = weight;
      return value;
    };
    expect(
      Math.abs(Number(pulled.parameters[0]!.data[1]) - (at(step) - at(-step)) / (2 * step)),
    ).toBeLessThan(1e-9);
    tf.dispose([weights, bias]);
  });

  test('numbers written in f are those numbers', () => {
    const f: FlatField = (_, [y]) => [tf.mul(y!, 0.1)];
    const { field } = engine.prepare(requestFor(f, [tf.ones([1])], { dtype: 'float64' }));
    expect(numbers(field.evaluate(0, [f64([3])]))).toEqual([3 * 0.1]);
  });

  test('dopri8 reaches tolerances of 1e-12', () => {
    const f: FlatField = (t, [y]) => [tf.mul(y!, tf.cos(t))];
    const { field } = engine.prepare(requestFor(f, [tf.ones([1])], { dtype: 'float64' }));
    const solution = forward.solve(
      { field, y0: [f64([1])], ts: [0, 2] },
      { solver: rungeKutta(dopri8), stepping: { rtol: 1e-13, atol: 1e-13, controller: pi } },
    );
    expect(Math.abs(Number(solution.ys[1]![0]!.data[0]) - Math.exp(Math.sin(2)))).toBeLessThan(1e-12);
    solution.release();
  });
});
