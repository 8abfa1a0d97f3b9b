import * as tf from '@tensorflow/tfjs';
import { createRegistry } from '@odegrad/core';
import backprop from '@odegrad/grad-backprop';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { odeint } from './odeint.ts';
import { solve, type OdeSolution } from './solve.ts';

const registry = createRegistry().use(tableaux).use(symplectic).use(backprop);
const numbers = (x: tf.Tensor): number[] => [...x.dataSync()];

describe('solve', () => {
  let before = 0;
  let w: tf.Variable;
  let y0: tf.Tensor;
  const ts = [0, 0.5, 1];
  const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.tanh(tf.mul(w, tf.add(y, t)));

  beforeAll(async () => {
    expect(await tf.setBackend('cpu')).toBe(true);
  });
  beforeEach(() => {
    before = tf.memory().numTensors;
    w = tf.tidy(() => tf.variable(tf.tensor1d([0.5, -1]), true, 'w'));
    y0 = tf.tensor1d([1, 2]);
  });
  afterEach(() => {
    tf.dispose([w, y0]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what ran, and gives the states and the gradient of odeint', () => {
    let solution!: OdeSolution<tf.Tensor>;
    tf.tidy(() => {
      solution = solve(f, y0, ts, { numSteps: 2, registry });
    });
    const { solver, gradient, engine } = solution;
    expect({ solver, gradient, engine, ts: solution.ts }).toEqual({
      solver: 'dopri5',
      gradient: 'symplectic',
      engine: 'tfjs',
      ts,
    });
    expect(solution.stats).toMatchObject({ accepted: 4, evaluationsForward: 24, pullbacks: 0 });
    const ys = odeint(f, y0, ts, { numSteps: 2, registry });
    expect(numbers(solution.ys)).toEqual(numbers(ys));
    const [gy, gw] = tf.grads((y, _w) => tf.sum(odeint(f, y, ts, { numSteps: 2, registry })))([y0, w]);
    const ones = tf.onesLike(ys);
    for (let again = 0; again < 2; again++) {
      const found = solution.pullback(ones);
      expect(numbers(found.y0)).toEqual(numbers(gy!));
      expect(Object.keys(found.parameters)).toEqual(['w']);
      expect(numbers(found.parameters['w']!)).toEqual(numbers(gw!));
      expect('ts' in found).toBe(false);
      tf.dispose([found.y0, found.parameters]);
    }
    expect(solution.stats.pullbacks).toBe(48);
    solution.dispose();
    solution.dispose();
    expect(() => solution.pullback(ones)).toThrow('solve again');
    tf.dispose([ys, ones, gy!, gw!]);
  });

  it('gives gradients of the times where they are a tensor', () => {
    const times = tf.tensor1d(ts);
    const solution = solve(f, y0, times, { numSteps: 2, registry });
    const ones = tf.onesLike(solution.ys);
    const found = solution.pullback(ones);
    const expected = tf.grad((t: tf.Tensor) =>
      tf.sum(odeint(f, y0, t, { numSteps: 2, gradient: 'backprop', registry })),
    )(times);
    expect(numbers(found.ts!)).toEqual(numbers(expected).map((g) => expect.closeTo(g, 5) as number));
    solution.dispose();
    tf.dispose([times, ones, expected, found.y0, found.parameters, found.ts!]);
  });

  it('keeps the structure of the state', () => {
    const state = { x: y0, s: tf.scalar(1) };
    const solution = solve((t, { x, s }) => ({ x: f(t, x), s: tf.neg(s) }), state, ts, {
      numSteps: 1,
      registry,
    });
    expect([solution.ys.x.shape, solution.ys.s.shape]).toEqual([[3, 2], [3]]);
    const cotangents = { s: tf.onesLike(solution.ys.s), x: tf.zerosLike(solution.ys.x) };
    const found = solution.pullback(cotangents);
    expect(numbers(found.y0.x)).toEqual([0, 0]);
    expect(numbers(found.y0.s)[0]).toBeCloseTo(1 + Math.exp(-0.5) + Math.exp(-1), 4);
    for (const [wrong, message] of [
      [{ s: cotangents.s }, 'cotangents must be a record with the keys of y0, x, s, not one with s'],
      [
        { ...cotangents, s: cotangents.x },
        'cotangents.s must be float32 of the shape of the trajectory, [3], not',
      ],
    ] as const) {
      expect(() => solution.pullback(wrong as typeof cotangents)).toThrow(message);
    }
    solution.dispose();
    tf.dispose([state.s, cotangents, found.y0, found.parameters]);
  });

  it('fits optimizer.applyGradients', () => {
    const optimizer = tf.train.sgd(0.1);
    const values = numbers(w);
    const solution = solve(f, y0, ts, { numSteps: 1, registry });
    const ones = tf.onesLike(solution.ys);
    const found = solution.pullback(ones);
    optimizer.applyGradients(found.parameters);
    const expected = values.map((v, i) => v - 0.1 * numbers(found.parameters['w']!)[i]!);
    expect(numbers(w)).toEqual(expected.map((v) => expect.closeTo(v, 6) as number));
    solution.dispose();
    optimizer.dispose();
    tf.dispose([ones, found.y0, found.parameters]);
  });

  it('does not touch a tape around it', () => {
    const g = tf.grad((y: tf.Tensor) => {
      const solution = solve(f, y, ts, { numSteps: 1, registry });
      const ones = tf.onesLike(solution.ys);
      const found = solution.pullback(ones);
      solution.dispose();
      const scale = found.y0.dataSync()[0]!;
      tf.dispose([found.y0, found.parameters]);
      return tf.sum(tf.mul(scale, y));
    })(y0);
    expect(new Set(numbers(g)).size).toBe(1);
    g.dispose();
  });
});
