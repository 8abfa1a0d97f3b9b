import { Registry, forward, pi, rungeKutta } from '@odegrad/core';
import type { FieldRequest, FlatField } from '@odegrad/engine-tfjs';
import { dopri8 } from '@odegrad/tableaux';
import { describeEngine } from '@odegrad/testkit';
import {
  arrayEngine,
  arrayOf,
  createPool,
  hold,
  release,
  take,
  unhold,
  type FloatData,
  type HostArray,
} from '@odegrad/trace';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { wasm, wasmEngine } from './wasm.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const entries = (x: HostArray): FloatData => x.data as FloatData;

for (const float of ['float32', 'float64'] as const) {
  const pool = createPool();
  describeEngine({
    name: `wasm ${float}`,
    create: () => arrayEngine('wasm', float),
    make: (values, shape) => arrayOf(pool, float, values, shape),
    read: entries,
    shape: (x) => x.dims,
  });
}

const engine = wasmEngine();

function requestFor(f: FlatField, y0: readonly tf.Tensor[], more: Partial<FieldRequest> = {}): FieldRequest {
  return { f, key: f, t0: 0, y0, parameters: [], dtype: 'float32', ...more };
}

/** Value of f at (t, y) by the engine, with y0 as the point. */
function evaluate(request: FieldRequest, t = 0): number[][] {
  const { field, fromTensor } = engine.prepare(request);
  return field.evaluate(t, request.y0.map(fromTensor)).map((x) => Array.from(entries(x)));
}

describe('engine wasm', () => {
  test('is what the plugin registers, with engine replay', () => {
    expect(wasm().engines?.map(({ name }) => name)).toEqual(['wasm', 'replay']);
    const own = new Registry();
    own.use(wasm());
    own.use(wasm());
    expect(() => own.use(wasm({ relaxed: true }))).toThrow(/already registered/);
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

  test('keeps the variables of two solves apart that take turns', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    // What depends on w alone is made once for a solve.
    const f: FlatField = (_, [y]) => [tf.mul(y!, tf.exp(tf.mul(w, 0)).add(tf.square(w)))];
    const y0 = [tf.tensor1d([1, 1])];
    const one = engine.prepare(requestFor(f, y0, { parameters: [w] }));
    w.assign(tf.tensor1d([3, 4]));
    const other = engine.prepare(requestFor(f, y0, { parameters: [w] }));
    for (let i = 0; i < 2; i++)
      for (const [{ field, fromTensor }, wanted] of [
        [one, [2, 5]],
        [other, [10, 17]],
      ] as const)
        expect(Array.from(entries(field.evaluate(0, [fromTensor(y0[0]!)])[0]!))).toEqual(wanted);
    w.dispose();
  });

  test('takes t as an input', () => {
    const f: FlatField = (t, [y]) => [tf.add(y!, tf.mul(t, t))];
    expect(evaluate(requestFor(f, [tf.tensor1d([1])]), 3)).toEqual([[10]]);
    expect(evaluate(requestFor(f, [tf.tensor1d([1])]), -4)).toEqual([[17]]);
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
    w.dispose();
  });

  test('replays a function with a kernel that there is no code for, and warns once', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const written =
      (): FlatField =>
      (_, [y]) => [tf.einsum('ij,jk->ik', y!, y!)];
    const f = written();
    const request = requestFor(f, [tf.tensor2d([1, 2, 3, 4], [2, 2])]);
    for (const key of [f, f, written(), written()]) {
      const { field, fromTensor, toTensor } = engine.prepare({ ...request, f: key, key });
      const [slope] = field.evaluate(0, request.y0.map(fromTensor));
      expect(Array.from(toTensor(slope!).dataSync())).toEqual([7, 10, 15, 22]);
    }
    const texts = warn.mock.calls.map(([text]) => String(text)).filter((text) => text.includes('Einsum'));
    expect(texts).toHaveLength(1);
    warn.mockRestore();
    expect(() => engine.prepare({ ...request, dtype: 'float64' })).toThrow(/float64.*Einsum/s);
  });

  test('a function without a derivative can be solved, but not differentiated', () => {
    const f: FlatField = (_, [y]) => [tf.add(y!, tf.stridedSlice(y!, [1], [2], [1]))];
    const { field, fromTensor } = engine.prepare(requestFor(f, [tf.tensor1d([1, 2])]));
    const y = [fromTensor(tf.tensor1d([1, 2]))];
    expect(Array.from(entries(field.evaluate(0, y)[0]!))).toEqual([3, 4]);
    expect(() => field.linearize(0, y)).toThrow(/gradient/);
  });

  test('a linearization outlives its point, and may be pulled back again', () => {
    const f: FlatField = (_, [y]) => [tf.mul(y!, tf.square(y!))];
    const { field, fromTensor } = engine.prepare(requestFor(f, [tf.tensor1d([1, 2])]));
    const y = fromTensor(tf.tensor1d([1, 2]));
    const linearization = field.linearize(0, [y]);
    field.engine.release(y);
    expect(field.engine.zeros(y)).not.toBe(y);
    const one = fromTensor(tf.tensor1d([1, 1]));
    for (let i = 0; i < 2; i++)
      expect(Array.from(entries(linearization.pullback([one], false).y[0]!))).toEqual([3, 12]);
    linearization.release();
    expect(() => linearization.pullback([one], false)).toThrow(/released/);
  });

  test('numbers written in f are those numbers in doubles, also those that others were made of', () => {
    const f: FlatField = (_, [y]) => [tf.mul(y!, tf.sqrt(tf.scalar(0.1)))];
    const { field, fromArray } = engine.prepare(requestFor(f, [tf.ones([1])], { dtype: 'float64' }));
    expect(Array.from(entries(field.evaluate(0, [fromArray!(Float64Array.of(3), [1])])[0]!))).toEqual([
      3 * Math.sqrt(0.1),
    ]);
  });

  test('dopri8 reaches tolerances of 1e-12', () => {
    const f: FlatField = (t, [y]) => [tf.mul(y!, tf.cos(t))];
    const { field, fromArray } = engine.prepare(requestFor(f, [tf.ones([1])], { dtype: 'float64' }));
    const solution = forward.solve(
      { field, y0: [fromArray!(Float64Array.of(1), [1])], ts: [0, 2] },
      { solver: rungeKutta(dopri8), stepping: { rtol: 1e-13, atol: 1e-13, controller: pi } },
    );
    expect(Math.abs(entries(solution.ys[1]![0]!)[0]! - Math.exp(Math.sin(2)))).toBeLessThan(1e-12);
    solution.release();
  });

  test('a policy that forbids compiling is an error that says how to allow it', () => {
    const { Module } = WebAssembly;
    const refusing = function (): never {
      throw new WebAssembly.CompileError(
        "Refused to compile: 'unsafe-eval' is not an allowed source of script",
      );
    };
    Object.defineProperty(WebAssembly, 'Module', { value: refusing, configurable: true, writable: true });
    try {
      expect(() => evaluate(requestFor((_, [y]) => [tf.sin(y!)], [tf.tensor1d([1])]))).toThrow(
        /wasm-unsafe-eval/,
      );
    } finally {
      Object.defineProperty(WebAssembly, 'Module', { value: Module, configurable: true, writable: true });
    }
  });

  test.each([{ relaxed: 1 }, { threads: 2 }])('refuses options %o', (options) => {
    expect(() => wasmEngine(options as never)).toThrow(/relaxed|threads/);
  });
});

describe('array pool', () => {
  test('gives out an array again only after nobody reads it', () => {
    const kind = createPool().kind([3], 'float32');
    const x = take(kind);
    hold(x);
    release(x);
    expect(take(kind)).not.toBe(x);
    unhold(x);
    expect(take(kind)).toBe(x);
    expect(take(kind)).not.toBe(x);
  });
});
