import { createRegistry } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import tfjs, { odeint, solve, type OdeOptions } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import symplectic from '@odegrad/grad-symplectic';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import plugin from './index.ts';

const registry = createRegistry();
for (const brought of [tfjs, onnx(), wasm(), symplectic, adjoint, plugin]) registry.use(brought);
const options: OdeOptions = { registry, solver: 'yoshida4', gradient: 'symplectic', numSteps: 6 };

interface Weights {
  readonly inner: tf.Variable<tf.Rank.R2>;
  readonly outer: tf.Variable<tf.Rank.R2>;
}
let w: Weights;
type State = Record<'q' | 'p', tf.Tensor>;
/** A network for the potential, V = Σ tanh(q W₁) W₂, and p²/2. */
const f = (_t: tf.Scalar, { q, p }: State): State => {
  const z = tf.tanh(tf.matMul(q, w.inner));
  const slope = tf.mul(tf.sub(1, tf.square(z)), tf.squeeze(w.outer));
  return { q: p, p: tf.neg(tf.matMul(slope, w.inner, false, true)) };
};
const numbers = (seed: number, size: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.fround(Math.sin(seed + 3 * i)));

beforeAll(async () => {
  await tf.setBackend('cpu');
  w = {
    inner: tf.variable(tf.tensor2d(numbers(1, 24), [3, 8]), true, 'inner'),
    outer: tf.variable(tf.tensor2d(numbers(2, 8), [8, 1]), true, 'outer'),
  };
});
let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

/** ∂/∂q, ∂/∂p and ∂/∂w of a weighted sum of the states. */
function gradientOf(engine: 'tfjs' | 'onnx' | 'wasm', dtype: 'float32' | 'float64'): number[] {
  return tf.tidy(() => {
    const [q, p] = [numbers(3, 12), numbers(4, 12)];
    const cotangents = { q: numbers(5, 24), p: numbers(6, 24) };
    const settings = { ...options, engine };
    if (dtype === 'float64') {
      const double = (data: Float32Array): { shape: number[]; data: Float64Array } => ({
        shape: [4, 3],
        data: Float64Array.from(data),
      });
      const solution = solve(f, { q: double(q), p: double(p) }, [0, 1.5], settings);
      const { y0, parameters } = solution.pullback({
        q: Float64Array.from(cotangents.q),
        p: Float64Array.from(cotangents.p),
      });
      solution.dispose();
      return [y0.q, y0.p, ...Object.values(parameters)].flatMap(({ data }) => [...data]);
    }
    const solution = solve(f, { q: tf.tensor2d(q, [4, 3]), p: tf.tensor2d(p, [4, 3]) }, [0, 1.5], settings);
    const { y0, parameters } = solution.pullback({
      q: tf.tensor3d(cotangents.q, [2, 4, 3]),
      p: tf.tensor3d(cotangents.p, [2, 4, 3]),
    });
    solution.dispose();
    return [y0.q, y0.p, ...Object.values(parameters)].flatMap((x) => [...x.dataSync<'float32'>()]);
  });
}

describe.each(['tfjs', 'onnx', 'wasm'] as const)('engine %s', (engine) => {
  it.each(engine === 'tfjs' ? (['float32'] as const) : (['float32', 'float64'] as const))(
    'gives the gradient of the same steps in %s',
    (dtype) => {
      const [exact, actual] = [gradientOf('wasm', 'float64'), gradientOf(engine, dtype)];
      const largest = Math.max(...exact.map(Math.abs));
      expect(actual).toHaveLength(exact.length);
      exact.forEach((x, i) => {
        expect(Math.abs(actual[i]! - x)).toBeLessThan((dtype === 'float64' ? 1e-14 : 2e-6) * largest);
      });
    },
  );

  it('goes back in time to where it came from', () => {
    tf.tidy(() => {
      const y0 = { q: tf.tensor2d(numbers(3, 12), [4, 3]), p: tf.tensor2d(numbers(4, 12), [4, 3]) };
      const there = solve(f, y0, [0, 1.5], { ...options, engine, saveAt: 'end' });
      const back = solve(f, { q: there.ys.q, p: there.ys.p }, [1.5, 0], {
        ...options,
        engine,
        saveAt: 'end',
      });
      const [q] = [back.ys.q.dataSync()];
      numbers(3, 12).forEach((x, i) => {
        expect(Math.abs(q[i]! - x)).toBeLessThan(1e-5);
      });
      for (const solution of [there, back]) solution.dispose();
    });
  });

  it('refuses a field that is not separable, and says what a state that is not { q, p } lacks', () => {
    tf.tidy(() => {
      const [a, b] = [tf.ones([2]), tf.ones([2])];
      const damped = (_t: tf.Scalar, y: State): State => ({ q: y.p, p: tf.sub(tf.neg(y.q), y.p) });
      expect(() => solve(damped, { q: a, p: b }, [0, 1], { ...options, engine })).toThrow(
        /slope of p depends on p/,
      );
      type Pair = readonly [tf.Tensor, tf.Tensor];
      const named = (_t: tf.Scalar, [place, speed]: Pair): Pair => [speed, tf.neg(place)];
      expect(() => solve(named, [a, b] as Pair, [0, 1], { ...options, engine })).toThrow(
        /say with `partition`/,
      );
      const solution = solve(named, [a, b] as Pair, [0, 1], { ...options, engine, partition: ['q', 'p'] });
      expect(solution.ys[0].shape).toEqual([2, 2]);
      solution.dispose();
      expect(() =>
        solve(named, [a, b] as Pair, [0, 1], { ...options, engine, partition: ['q', 'x' as 'p'] }),
      ).toThrow(/partition\[1\]/);
    });
  });
});

it('trains on a tape', () => {
  tf.tidy(() => {
    const y0 = { q: tf.tensor2d(numbers(3, 12), [4, 3]), p: tf.tensor2d(numbers(4, 12), [4, 3]) };
    const { grads, value } = tf.variableGrads(() => tf.sum<tf.Scalar>(odeint(f, y0, [0, 1.5], options).q));
    expect(Object.keys(grads).sort()).toEqual(['inner', 'outer']);
    expect(Number.isFinite(value.dataSync()[0])).toBe(true);
  });
});
