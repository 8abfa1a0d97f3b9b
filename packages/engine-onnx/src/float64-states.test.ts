import { createLedger, createRegistry, SolveError } from '@odegrad/core';
import {
  odeint,
  solve,
  type Float64Tensor,
  type OdeOptions,
  type OdeSolution,
  type OdeState,
  type VectorFieldFunction,
} from '@odegrad/engine-tfjs';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry();
for (const plugin of [tableaux, symplectic, checkpoint, onnx()]) registry.use(plugin);

/** As precise as a solve gets. */
const precise: OdeOptions = { engine: 'onnx', registry, solver: 'dopri8', rtol: 1e-13, atol: 1e-13 };
const steps: OdeOptions = { engine: 'onnx', registry, solver: 'rk4', numSteps: 4 };
const doubles = (...numbers: number[]): Float64Array => Float64Array.from(numbers);

beforeAll(async () => {
  await tf.setBackend('cpu');
});

let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

/** Largest difference relative to the largest entry. */
function difference({ shape, data }: Float64Tensor, exact: readonly number[]): number {
  expect(data).toBeInstanceOf(Float64Array);
  expect(shape.reduce((size, extent) => size * extent, 1)).toBe(exact.length);
  expect(data).toHaveLength(exact.length);
  const scale = Math.max(...exact.map(Math.abs));
  // NaN must not pass for small.
  return Math.max(...exact.map((x, i) => Math.abs(data[i]! - x) / scale || Number(Number.isNaN(data[i]))));
}

/** The same at each time for itself, and the worst of these. */
function worst({ data }: Float64Tensor, ts: readonly number[], exact: Problem['exact']): number {
  const size = data.length / ts.length;
  const at = (i: number): Float64Tensor => ({ shape: [size], data: data.slice(i * size, (i + 1) * size) });
  return Math.max(...ts.map((t, i) => difference(at(i), exact(t))));
}

/** Times that float32 does not hold. */
const times = [0.1, 1 / 3, 0.7, 1.9];

interface Problem {
  readonly f: (t: tf.Scalar, y: tf.Tensor) => tf.Tensor;
  readonly shape: readonly number[];
  readonly exact: (t: number) => readonly number[];
}

const problems: Readonly<Record<string, Problem>> = {
  'a harmonic oscillator': {
    f: (_, y) => tf.matMul(y, tf.tensor2d([0, -1, 1, 0], [2, 2])),
    shape: [1, 2],
    exact: (t) => [Math.cos(t), -Math.sin(t)],
  },
  'a linear system': {
    f: (_, y) => tf.neg(tf.matMul(tf.tensor2d([2, 1, 1, 2], [2, 2]), y)),
    shape: [2, 1],
    exact: (t) => [1, -1].map((sign) => (Math.exp(-3 * t) + (sign * Math.exp(-t)) / 3) / 7),
  },
  'an equation with time in it': {
    f: (t, y) => tf.mul(y, tf.cos(tf.mul(t, 3))),
    shape: [],
    exact: (t) => [Math.exp(Math.sin(3 * t) / 3)],
  },
};

describe('tolerances of 1e-12 are reached', () => {
  describe.each(Object.entries(problems))('for %s', (_, { f, shape, exact }) => {
    test.each([
      ['forward', times],
      ['backward', [...times].reverse()],
    ])('%s in time, by odeint and by solve', (__, ts) => {
      const y0 = { shape, data: doubles(...exact(ts[0]!)) };
      const ys = odeint(f, y0, ts, precise);
      expect(ys.shape).toEqual([ts.length, ...shape]);
      expect(worst(ys, ts, exact)).toBeLessThan(1e-12);
      const solution = solve(f, y0, Float64Array.from(ts), precise);
      expect(solution.ts).toEqual(ts);
      expect(solution.ys).toEqual(ys);
      solution.dispose();
      // The same in float32 falls short, so the bound says something.
      const rounded = tf.tensor([...exact(ts[0]!)], [...shape]);
      const coarse = odeint(f, rounded, ts, { ...precise, rtol: 1e-6, atol: 1e-6 });
      const read = { shape: coarse.shape, data: Float64Array.from(coarse.dataSync()) };
      expect(worst(read, ts, exact)).toBeGreaterThan(1e-9);
      tf.dispose([rounded, coarse]);
    });
  });

  test('y0 comes back unrounded and unchanged', () => {
    const y0 = doubles(1 / 3, -1e-300, 1e200);
    const ys = odeint((_, y) => tf.neg(y), y0, [0, 1], steps);
    expect([...ys.data.subarray(0, 3)]).toEqual([1 / 3, -1e-300, 1e200]);
    expect([...y0]).toEqual([1 / 3, -1e-300, 1e200]);
    expect(ys.data.buffer).not.toBe(y0.buffer);
  });
});

describe('structures', () => {
  test('are nobody’s but the solve’s: y0 may change before the pullback', () => {
    const y0 = { shape: [1, 2], data: doubles(1, 2) };
    const solution = solve((_, y) => tf.square(y), y0, [0, 0.25], { ...steps, gradient: 'resolve' });
    const first = solution.pullback(new Float64Array(4).fill(1));
    y0.shape.reverse();
    y0.data.fill(0);
    solution.ys.data.fill(0);
    expect(solution.pullback({ shape: [2, 1, 2], data: new Float64Array(4).fill(1) })).toEqual(first);
    // d/dy y / (1 − y t) is 1 / (1 − y t)², besides the first output's own cotangent.
    expect(difference(first.y0, [1 + 1 / 0.75 ** 2, 1 + 1 / 0.5 ** 2])).toBeLessThan(1e-3);
    solution.dispose();
  });

  const [c, s] = [Math.cos(1), Math.sin(1)];

  test('a bare array gives one trajectory', () => {
    const ys = odeint(
      (_, y) => (expectTypeOf(y).toEqualTypeOf<tf.Tensor1D>(), tf.neg(y)),
      doubles(1, 2),
      [0, 1],
      precise,
    );
    expectTypeOf(ys).toEqualTypeOf<Float64Tensor>();
    expect(ys.shape).toEqual([2, 2]);
    expect(difference(ys, [1, 2, 1 / Math.E, 2 / Math.E])).toBeLessThan(1e-12);
  });

  test('a tuple gives a tuple', () => {
    const ys = odeint(
      (_, [q, p]) => (
        expectTypeOf(q).toEqualTypeOf<tf.Tensor1D>(),
        expectTypeOf(p).toEqualTypeOf<tf.Tensor2D>(),
        [tf.reshape(p, [2]), tf.neg(tf.reshape(q, [2, 1]))]
      ),
      [doubles(1, 0), { shape: [2, 1], data: doubles(0, 1) }],
      [0, 1],
      precise,
    );
    expectTypeOf(ys).toEqualTypeOf<readonly [Float64Tensor, Float64Tensor]>();
    expect(ys).toHaveLength(2);
    expect(ys.map(({ shape }) => shape)).toEqual([
      [2, 2],
      [2, 2, 1],
    ]);
    expect(difference(ys[0], [1, 0, c, s])).toBeLessThan(1e-12);
    expect(difference(ys[1], [0, 1, -s, c])).toBeLessThan(1e-12);
  });

  test('a record gives a record, of gradients too', () => {
    const y0: { position: Float64Tensor; speed: Float64Array } = {
      position: { shape: [1, 2], data: doubles(1, 0) },
      speed: doubles(0, 1),
    };
    const solution = solve(
      (_, { position, speed }) => (
        expectTypeOf(position).toEqualTypeOf<tf.Tensor>(),
        { position: tf.reshape(speed, [1, 2]), speed: tf.neg(tf.reshape(position, [2])) }
      ),
      y0,
      [0, 1],
      precise,
    );
    expectTypeOf(solution.ys).toEqualTypeOf<{
      readonly position: Float64Tensor;
      readonly speed: Float64Tensor;
    }>();
    expect(solution.ys.position.shape).toEqual([2, 1, 2]);
    expect(solution.ys.speed.shape).toEqual([2, 2]);
    expect(difference(solution.ys.position, [1, 0, c, s])).toBeLessThan(1e-12);
    // The first coordinate at the end is c·position + s·speed of the beginning.
    const found = solution.pullback({
      speed: { shape: [2, 2], data: new Float64Array(4) },
      position: doubles(0, 0, 1, 0),
    });
    expectTypeOf(found.y0).toEqualTypeOf<{
      readonly position: Float64Tensor;
      readonly speed: Float64Tensor;
    }>();
    expectTypeOf(found.parameters).toEqualTypeOf<Readonly<Record<string, Float64Tensor>>>();
    expectTypeOf(found.ts).toEqualTypeOf<Float64Tensor | undefined>();
    expect(found.y0.position.shape).toEqual([1, 2]);
    expect(found.y0.speed.shape).toEqual([2]);
    expect(difference(found.y0.position, [c, 0])).toBeLessThan(1e-12);
    expect(difference(found.y0.speed, [s, 0])).toBeLessThan(1e-12);
    expect(found.parameters).toEqual({});
    expect('ts' in found).toBe(false);
    solution.dispose();
  });

  test('records may have the keys shape and data', () => {
    const y0 = { shape: doubles(1), data: doubles(2, 3) };
    const ys = odeint(
      (_, { shape, data }) => ({ shape: tf.neg(shape), data: tf.neg(data) }),
      y0,
      [0, 1],
      precise,
    );
    expect(difference(ys.shape, [1, 1 / Math.E])).toBeLessThan(1e-12);
    expect(ys.data.shape).toEqual([2, 2]);
  });

  test('a model is as good a function', () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
    const y0 = { shape: [1, 2], data: doubles(0.1, 0.2) } as const;
    const ys = odeint(model, y0, [0, 1], steps);
    expectTypeOf(ys).toEqualTypeOf<Float64Tensor>();
    const same = odeint((_, y) => model.apply(y) as tf.Tensor, y0, [0, 1], steps);
    expect(ys).toEqual(same);
    model.dispose();
  });

  test('f returns tensors, and parts are of one kind', () => {
    const f = (): Float64Array => doubles(1);
    expectTypeOf(f).not.toExtend<VectorFieldFunction<Float64Array>>();
    expect(() =>
      odeint(f as unknown as VectorFieldFunction<Float64Array>, doubles(1), [0, 1], steps),
    ).toThrow('f(t, y) must be a tensor, not a Float64Array');
    expectTypeOf<[Float64Array, Float64Tensor]>().toExtend<OdeState>();
    expectTypeOf<[Float64Array, tf.Tensor]>().not.toExtend<OdeState>();
    expectTypeOf<{ a: Float64Tensor; b: tf.Tensor }>().not.toExtend<OdeState>();
    expectTypeOf<Float32Array>().not.toExtend<OdeState>();
  });
});

describe('what is refused', () => {
  let solution: OdeSolution<Float64Array>;
  beforeEach(() => {
    solution = solve((_, y) => tf.neg(y), doubles(1, 2), [0, 0.5, 1], steps);
  });
  afterEach(() => {
    solution.dispose();
  });

  test('cotangents that are tensors or of another shape', () => {
    const tensor = tf.ones([3, 2]);
    for (const [cotangents, message] of [
      [tensor, 'cotangents must be a Float64Array or { shape, data }, not a tensor'],
      [doubles(1, 2, 3, 4, 5), 'cotangents must be of the shape of the trajectory, [3, 2], not [5]'],
      [{ shape: [2, 3], data: new Float64Array(6) }, 'trajectory, [3, 2], not [2, 3]'],
      [{ shape: [6], data: new Float64Array(6) }, 'trajectory, [3, 2], not [6]'],
      [
        { shape: [3, 2], data: new Float64Array(5) },
        'cotangents.data has 5 numbers, but the shape [3, 2] holds 6',
      ],
      [[new Float64Array(6)], 'not an array of 1'],
    ] as const) {
      expect(() => solution.pullback(cotangents as Float64Array)).toThrow(
        expect.objectContaining({
          name: 'ArgumentError',
          message: expect.stringContaining(message) as string,
        }) as Error,
      );
    }
    tensor.dispose();
    // Bare or with its shape is the same.
    const bare = solution.pullback(doubles(1, 2, 3, 4, 5, 6));
    expect(bare).toEqual(solution.pullback({ shape: [3, 2], data: doubles(1, 2, 3, 4, 5, 6) }));
    expect(bare.y0.shape).toEqual([2]);
  });

  test('doubles where y0 was a tensor', () => {
    const y0 = tf.tensor1d([1, 2]);
    const other = solve((_, y) => tf.neg(y), y0, [0, 1], steps);
    expect(() => other.pullback(doubles(1, 2, 3, 4) as unknown as tf.Tensor)).toThrow(
      'cotangents must be a tensor, not a Float64Array',
    );
    other.dispose();
    y0.dispose();
  });

  test('engine replay, which computes in float32', () => {
    expect(() => odeint((_, y) => tf.neg(y), doubles(1), [0, 1], { ...steps, engine: 'replay' })).toThrow(
      /computes in float32/,
    );
  });

  test('an operation that does not run in float64', () => {
    const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.einsum('ij,jk->ik', y, y);
    const go = (): unknown => solve(f, { shape: [1, 1], data: doubles(1) }, [0, 1], steps);
    expect(go).toThrow(/cannot run f in float64.*Einsum/);
  });
});

describe('nothing is left', () => {
  const w = (): tf.Variable => tf.tidy(() => tf.variable(tf.tensor1d([0.5, -0.25]), true));

  test.each(['symplectic', 'stages', 'recompute', 'resolve'])(
    'after a solve with %s, in tensors or bytes',
    (gradient) => {
      const weights = w();
      const ledger = createLedger();
      const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.tanh(tf.mul(weights, tf.add(y, t)));
      const alive = tf.memory().numTensors;
      const solution = solve(f, doubles(1, 2), [0, 1], { ...steps, gradient, ledger });
      expect(tf.memory().numTensors).toBe(alive);
      const first = solution.pullback(new Float64Array(4).fill(1));
      expect(solution.pullback(new Float64Array(4).fill(1))).toEqual(first);
      expect(tf.memory().numTensors).toBe(alive);
      expect(ledger.bytes).toBeGreaterThan(0);
      solution.dispose();
      solution.dispose();
      expect(ledger.bytes).toBe(0);
      expect(() => solution.pullback(new Float64Array(4))).toThrow('solve again');
      // Plain values outlive the solve.
      expect(solution.ys.data[0]).toBe(1);
      weights.dispose();
    },
  );

  test('when f throws from any call on', () => {
    let [calls, fail] = [0, Infinity];
    // Another function each time: one that was recorded, or one that records alike, is called but once.
    const go = (): void => {
      calls = 0;
      const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => {
        const slope = tf.tanh(tf.mul(y, -Math.min(fail, 100)));
        if (++calls >= fail) throw new Error('f failed');
        return slope;
      };
      solve(f, doubles(1, 2), [0, 1], steps).dispose();
    };
    go();
    const total = calls;
    expect(total).toBeGreaterThan(1);
    let failed = 0;
    for (fail = 1; fail <= total; fail++) {
      try {
        go();
      } catch (error) {
        expect((error as Error).message).toBe('f failed');
        failed += 1;
      }
      expect(tf.memory().numTensors).toBe(before);
    }
    expect(failed).toBe(total);
  });

  test('after an abort, on the way there and back', () => {
    const ledger = createLedger();
    const run = (stop: number): number => {
      const controller = new AbortController();
      let count = 0;
      const solution = solve((_, y) => tf.neg(y), doubles(1, 2), [0, 1], {
        ...steps,
        ledger,
        signal: controller.signal,
        onStep() {
          if (++count === stop) controller.abort();
        },
      });
      try {
        solution.pullback(new Float64Array(4).fill(1));
      } finally {
        solution.dispose();
      }
      return count;
    };
    expect(run(0)).toBe(8);
    for (const stop of [1, 3, 5, 7]) {
      expect(() => run(stop)).toThrow(SolveError);
      expect(tf.memory().numTensors).toBe(before);
      expect(ledger.bytes).toBe(0);
    }
  });

  test('when a solve cannot go on', () => {
    expect(() => odeint((_, y) => tf.square(y), doubles(1), [0, 3], precise)).toThrow(SolveError);
  });

  test('in a tidy and under a tape, which solve does not touch', () => {
    const [x, weights] = [tf.scalar(2), w()];
    const alive = tf.memory().numTensors;
    const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(y, weights);
    let kept: Float64Tensor | undefined;
    const slope = tf.grad((z: tf.Tensor) => {
      const solution = solve(f, doubles(1, 1), [0, 1], precise);
      kept = solution.pullback(doubles(0, 0, 1, 0)).y0;
      solution.dispose();
      return tf.mul(z, kept.data[0]!);
    })(x);
    expect(difference(kept!, [Math.exp(0.5), 0])).toBeLessThan(1e-12);
    expect(slope.dataSync()[0]).toBe(Math.fround(kept!.data[0]!));
    slope.dispose();
    tf.tidy(() => {
      const ys = odeint(f, doubles(1, 1), [0, 1], precise);
      expect(difference(ys, [1, 1, Math.exp(0.5), Math.exp(-0.25)])).toBeLessThan(1e-12);
    });
    expect(tf.memory().numTensors).toBe(alive);
    tf.dispose([x, weights]);
  });
});
