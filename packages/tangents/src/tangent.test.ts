import { createRegistry } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import tfjs, { solve, type OdeOptions } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import symplectic from '@odegrad/grad-symplectic';
import tableaux, { bosh3, dopri5, rk4 } from '@odegrad/tableaux';
import { discreteSteps, neuralField, noiseVector, tangentGradient } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tangent, type TangentOptions } from './index.ts';

const registry = createRegistry().use(tableaux).use(symplectic).use(tfjs).use(onnx()).use(wasm());

let before = 0;
beforeAll(async () => {
  await tf.setBackend('cpu');
});
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

const field = neuralField();
const [w1, b, w2] = field.parameters as readonly [Float64Array, Float64Array, Float64Array];
const args = { w1: { shape: [4, 3], data: w1 }, b, w2: { shape: [3, 4], data: w2 } } as const;

/** The same as `neuralField`, in tensors. */
function f(t: tf.Scalar, y: tf.Tensor, p: Record<'w1' | 'b' | 'w2', tf.Tensor>): tf.Tensor {
  const z = tf.tanh(
    tf.add(tf.matMul(p.w1, tf.reshape(y, [3, 1])), tf.reshape(tf.mul(p.b, tf.sin(t)), [4, 1])),
  );
  return tf.reshape(tf.matMul(p.w2, z), [3]);
}

const y0 = noiseVector(11, 3);
const ts = [0, 0.7, 1.5];
const along = { w1: noiseVector(13, 12), b: noiseVector(14, 4), w2: noiseVector(15, 12) };
const direction = {
  y0: noiseVector(12, 3),
  args: { w1: { shape: [4, 3], data: along.w1 }, b: along.b, w2: { shape: [3, 4], data: along.w2 } },
} as const;
const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((sum, v, i) => sum + v * y[i]!, 0);

describe.each(['wasm', 'onnx'])('tangent in doubles on %s', (engine) => {
  it.each([
    ['rk4', rk4, { numSteps: 5 }, false],
    ['dopri5', dopri5, { rtol: 1e-3, outputs: 'land' }, true],
    ['bosh3', bosh3, { rtol: 1e-5, atol: 1e-8, outputs: 'land' }, true],
  ] as const)('is that of the discrete solution: %s', (solver, tableau, options, adaptive) => {
    const ends: number[] = [];
    const onStep = ({ t }: { t: number }): void => void ends.push(t);
    const moved = tangent(f, y0, ts, { registry, engine, solver, ...options, onStep, args, direction });
    const steps = discreteSteps(ts, ends, adaptive);
    const { data } = moved.tangents;
    for (let time = 0; time < 3; time++) {
      for (let entry = 0; entry < 3; entry++) {
        const unit = Float64Array.from([0, 1, 2], (i) => (i === entry ? 1 : 0));
        const cotangents = ts.map((_, i) => (i === time ? unit : undefined));
        const row = tangentGradient(tableau, field, y0, ts, steps, cotangents);
        const moves = [row.y0, ...row.parameters.slice(0, 3)];
        const wanted = [direction.y0, along.w1, along.b, along.w2].map((x, i) => dot(moves[i]!, x));
        const error = data[3 * time + entry]! - wanted.reduce((sum, x) => sum + x, 0);
        expect(Math.abs(error)).toBeLessThan(1e-13);
      }
    }
    moved.dispose();
  });

  it('takes the steps of the plain solve, to the last bit', () => {
    // Of two parts with tolerances of their own, one of which is not looked at.
    const pair = (t: tf.Scalar, s: { a: tf.Tensor; b: tf.Tensor }): { a: tf.Tensor; b: tf.Tensor } => ({
      a: tf.mul(s.b, tf.sin(t)),
      b: tf.neg(tf.exp(s.a)),
    });
    const start = { a: Float64Array.of(0.3, 0.1), b: Float64Array.of(1, -0.4) };
    const choices: OdeOptions[] = [
      {},
      { rtol: 1e-6 },
      { rtol: { a: 1e-6, b: 1e-2 }, atol: { a: 1e-7, b: 1e-3 }, norm: 'max' },
      { atol: { a: Infinity, b: 1e-5 }, norm: ([x, y]) => Math.max(x!, 3 * y!) },
      { atol: 1e-4, norm: ([x, y, ...none]) => (none.length > 0 ? NaN : Math.max(x!, y!)) },
      { stepSize: 0.3 },
    ];
    for (const choice of choices) {
      const options = { registry, engine, saveAt: 'steps', ...choice } as const;
      const plain = solve(pair, start, [0, 2, 3], options);
      const fast = { y0: { a: Float64Array.of(1e3, -2e3), b: Float64Array.of(0, 1e4) } };
      const moved = tangent(pair, start, [0, 2, 3], { ...options, direction: fast });
      expect(moved.ts).toEqual(plain.ts);
      expect(moved.ys).toEqual(plain.ys);
      expect(moved.stats.rejected).toBe(plain.stats.rejected);
      expect(moved.tangents.a.shape).toEqual(plain.ys.a.shape);
      plain.dispose();
      moved.dispose();
    }
  });

  it('has a way back: that of the solution, and that of its tangents', () => {
    const options = { registry, engine, solver: 'rk4', numSteps: 4, args } as const;
    const moved = tangent(f, y0, ts, { ...options, direction });
    const plain = solve(f, y0, ts, options);
    const c = noiseVector(21, 9);
    const [first, second] = [moved.pullback({ ys: c }), plain.pullback(c)];
    // Transposed: ⟨c, J v⟩ = ⟨Jᵀc, v⟩.
    const { y0: bar, args: bars } = second;
    const product =
      dot(bar.data, direction.y0) +
      dot(bars.w1.data, along.w1) +
      dot(bars.b.data, along.b) +
      dot(bars.w2.data, along.w2);
    expect(dot(moved.tangents.data, c)).toBeCloseTo(product, 13);
    expect([...first.y0.data]).toEqual([...bar.data].map((x) => expect.closeTo(x, 14) as number));
    expect([...first.args.w1.data]).toEqual([...bars.w1.data].map((x) => expect.closeTo(x, 14) as number));
    // ∂/∂y0 of ⟨c, J v⟩, by differences.
    const { y0: found } = moved.pullback({ tangents: c });
    const eps = 1e-5;
    for (let i = 0; i < 3; i++) {
      const [up, down] = [eps, -eps].map((by) => {
        const other = tangent(
          f,
          y0.map((x, j) => x + (i === j ? by : 0)),
          ts,
          { ...options, direction },
        );
        const value = dot(other.tangents.data, c);
        other.dispose();
        return value;
      });
      expect(found.data[i]).toBeCloseTo((up! - down!) / (2 * eps), 8);
    }
    moved.dispose();
    plain.dispose();
  });
});

describe('tangent', () => {
  const w = tf.variable(tf.scalar(0.7), true, 'tangent-w');
  const unused = tf.variable(tf.scalar(0.7), true, 'tangent-unused');
  beforeAll(() => {
    before = tf.memory().numTensors;
  });
  const decay = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(tf.mul(w, y));

  it.each(['tfjs', 'wasm', 'onnx'])('of tensors, along a variable, on %s', (engine) => {
    // y = y0 exp(−w t)
    tf.tidy(() => {
      const start = tf.tensor1d([2, 3]);
      const alive = tf.memory().numTensors;
      const options = { registry, engine, rtol: 1e-5, saveAt: 'end' } as const;
      const parameters = { [w.name]: tf.scalar(2), [unused.name]: tf.scalar(1) };
      const moved = tangent(decay, start, [0, 1.5], { ...options, direction: { parameters } });
      const values = [2, 3].map((x) => x * Math.exp(-w.dataSync()[0]! * 1.5));
      const close = (xs: number[]): unknown[] => xs.map((x) => expect.closeTo(x, 4) as number);
      expect([...moved.ys.dataSync()]).toEqual(close(values));
      expect([...moved.tangents.dataSync()]).toEqual(close(values.map((x) => -1.5 * 2 * x)));
      const gradient = moved.pullback({ tangents: tf.tensor1d([1, 0]) });
      // d/dw of −3 y0 exp(−w t)
      expect(gradient.parameters[w.name]!.dataSync()[0]).toBeCloseTo(4.5 * values[0]!, 3);
      expect(gradient.y0.dataSync()[0]).toBeCloseTo((-3 * values[0]!) / 2, 3);
      tf.dispose(gradient as never);
      moved.dispose();
      tf.dispose(parameters);
      // The cotangent.
      expect(tf.memory().numTensors).toBe(alive + 1);
    });
  });

  it('of rows with times of their own', () => {
    const start = { shape: [2, 1], data: Float64Array.of(2, 3) };
    const options = { registry, engine: 'wasm', rtol: 1e-9, atol: 1e-12, args: { k: 0.5 } } as const;
    const g = (_t: tf.Scalar, y: tf.Tensor, { k }: { k: tf.Tensor }): tf.Tensor => tf.neg(tf.mul(k, y));
    const moved = tangent(
      g,
      start,
      [
        [0, 1],
        [0, 2],
      ],
      { ...options, direction: { args: { k: 1 } } },
    );
    expect(moved.tangents.shape).toEqual([2, 2, 1]);
    const wanted = [0, 0, -2 * Math.exp(-0.5), -6 * Math.exp(-1)];
    expect([...moved.tangents.data]).toEqual(wanted.map((x) => expect.closeTo(x, 7) as number));
    moved.dispose();
  });

  it('refuses what has no meaning, and leaves nothing', () => {
    const start = tf.tensor1d([2, 3]);
    const one = tf.scalar(1);
    const call = (more: object) => () =>
      tangent(decay, start, [0, 1], { registry, ...more } as TangentOptions<tf.Tensor1D>);
    expect(call({})).toThrow('`direction` is missing');
    for (const f of [null, 'f', undefined])
      expect(() => tangent(f as never, start, [0, 1], { registry, direction: {} })).toThrow(
        'f must be a function',
      );
    expect(call({ direction: { y: start } })).toThrow('There is no option `y`. Did you mean');
    expect(call({ direction: { y0: one } })).toThrow('direction.y0 must be of shape [2]');
    expect(call({ direction: { parameters: { 'tangent-v': 1 } } })).toThrow(
      "no variable of that name. Did you mean 'tangent-w'",
    );
    expect(call({ direction: { parameters: { 'tangent-w': start } } })).toThrow(
      "direction.parameters['tangent-w'] must be of shape [], as what it is the direction of, not [2]",
    );
    expect(call({ direction: { args: { k: 1 } } })).toThrow('The direction has args');
    expect(call({ direction: {}, dense: true })).toThrow('`dense` has no tangents');
    expect(call({ direction: {}, events: {} })).toThrow('`events` has no tangents');
    expect(call({ direction: {}, solvr: 'rk4' })).toThrow('There is no option `solvr`');
    expect(call({ direction: {}, solver: 'rk4' })).toThrow('Give `numSteps`');
    expect(call({ direction: {}, numSteps: 2, rtol: 1e-3 })).toThrow('`rtol` is for adaptive steps');
    expect(call({ direction: {}, rtol: [1e-3] })).toThrow();
    tf.dispose(one);
    start.dispose();
  });
});
