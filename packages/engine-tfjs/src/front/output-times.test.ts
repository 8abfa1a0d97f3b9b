import { ArgumentError, createLedger, createRegistry, forward, rungeKutta } from '@odegrad/core';
import adjoint from '@odegrad/grad-adjoint';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux, { dopri5, dopri8, rk4, tsit5 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { odeint } from './odeint.ts';
import type { OdeOptions } from './options.ts';
import { outputTimes } from './output-times.ts';
import { solve } from './solve.ts';

const registry = createRegistry().use(tableaux).use(adjoint);
const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.sub(tf.sin(tf.mul(t, 3)), tf.mul(y, 0.8));
const many = Array.from({ length: 301 }, (_, i) => (4 * i) / 300);

beforeAll(() => tf.setBackend('cpu'));

/** Evaluations and the states at `ts`. */
function tried(ts: readonly number[], options: OdeOptions): { evaluations: number; ys: number[] } {
  const ledger = createLedger();
  const ys = tf.tidy(() => [...odeint(f, tf.tensor1d([1]), ts, { registry, ledger, ...options }).dataSync()]);
  return { evaluations: ledger.evaluationsForward, ys };
}

describe('output times', () => {
  it('cost no evaluation where steps are adaptive, and nothing in accuracy', () => {
    const options = { solver: 'dopri5', rtol: 1e-5, atol: 1e-7 };
    const [ends, read, landed] = [
      tried([0, 4], options),
      tried(many, options),
      tried(many, { ...options, outputs: 'land' }),
    ];
    expect(read.evaluations).toBe(ends.evaluations);
    expect(landed.evaluations).toBeGreaterThan(10 * ends.evaluations);
    expect(read.ys.at(-1)).toBe(ends.ys.at(-1));
    const { ys: exact } = tried(many, { solver: 'dopri5', rtol: 1e-7, atol: 1e-7, outputs: 'land' });
    const worst = Math.max(...read.ys.map((y, i) => Math.abs(y - exact[i]!)));
    expect(worst).toBeLessThan(2e-5);
  });

  it('are landed on where steps are constant, the gradient is the adjoint, or the interpolant too coarse', () => {
    const adaptive = {
      rtol: 1e-3,
      atol: 1e-6,
      controller: { name: 'any', next: () => ({ accept: true, factor: 1 }) },
    };
    const split = (
      ...args: [Parameters<typeof outputTimes>[1], tableau: typeof rk4, stepping: object, strategy?: object]
    ) =>
      outputTimes(
        [0, 1, 2],
        args[0],
        { solver: rungeKutta(args[1]), stepping: args[2] as never },
        (args[3] ?? forward) as never,
      ).between;
    expect(split(undefined, dopri5, adaptive)).toEqual([1]);
    expect(split(undefined, tsit5, adaptive)).toEqual([1]);
    expect(split(undefined, dopri8, adaptive)).toEqual([]);
    expect(split('interpolate', dopri8, adaptive)).toEqual([1]);
    expect(split('land', dopri5, adaptive)).toEqual([]);
    expect(split(undefined, rk4, { numSteps: 4 })).toEqual([]);
    expect(split('interpolate', rk4, { numSteps: 4 })).toEqual([1]);
    expect(split(undefined, dopri5, adaptive, { name: 'adjoint', exact: false })).toEqual([]);
  });

  it('that are the first or the last are given as they are, however often', () => {
    const ts = [0, 0, 1, 1, 2, 2];
    const {
      ts: landings,
      knots,
      between,
      merge,
      split,
    } = outputTimes(ts, 'interpolate', { solver: rungeKutta(rk4), stepping: { numSteps: 2 } }, forward);
    expect(knots.size).toBe(0);
    expect([landings, between]).toEqual([
      [0, 0, 2, 2],
      [1, 1],
    ]);
    expect(merge(landings, between)).toEqual(ts);
    expect(split(ts)).toEqual({ atLandings: landings, between });
    const { ys } = tried(ts, { outputs: 'interpolate' });
    expect(ys[1]).toBe(ys[0]);
    expect(ys[3]).toBe(ys[2]);
    expect(ys[5]).toBe(ys[4]);
  });

  it('are refused as they are asked for where that cannot be', () => {
    expect(() => tried([0, 1], { outputs: 'dense' as never })).toThrow(/'interpolate' or 'land'/);
    const { interpolant: _, ...solver } = rungeKutta(dopri5);
    expect(() => tried([0, 1, 2], { solver, outputs: 'interpolate' })).toThrow(ArgumentError);
    const gradient = (): unknown =>
      tf.grad((y: tf.Tensor) =>
        tf.sum(
          odeint(f, y as tf.Tensor1D, [0, 1, 2], { registry, gradient: 'adjoint', outputs: 'interpolate' }),
        ),
      )(tf.tensor1d([1]));
    expect(gradient).toThrow(/leave `outputs` out/);
  });
});

describe.each([symplectic, backprop])('states read off steps, $name', (gradient) => {
  const options = { registry, gradient, rtol: 1e-4, atol: 1e-6 };
  const ts = [0, 0.31, 0.9, 1.7, 2];

  it('have gradients to y0, what f reads and the times, as landed ones to the tolerance', () => {
    const rate = tf.variable(tf.scalar(0.8), true);
    const field = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.sub(tf.sin(tf.mul(t, 3)), tf.mul(y, rate));
    const loss = (outputs: 'interpolate' | 'land') => (y: tf.Tensor, times: tf.Tensor) =>
      tf.sum(tf.square(odeint(field, y as tf.Tensor1D, times, { ...options, outputs })));
    const [read, landed] = (['interpolate', 'land'] as const).map((mode) =>
      tf.tidy(() => {
        const [y, times] = tf.grads(loss(mode))([tf.tensor1d([1, 2]), tf.tensor1d(ts)]);
        const { grads } = tf.variableGrads(
          () => loss(mode)(tf.tensor1d([1, 2]), tf.tensor1d(ts)) as tf.Scalar,
          [rate],
        );
        return [y!, times!, Object.values(grads)[0]!].flatMap((x) => [...x.dataSync()]);
      }),
    ) as [number[], number[]];
    read.forEach((x, i) => expect(Math.abs(x - landed[i]!)).toBeLessThan(3e-3));
    rate.dispose();
  });

  it('come with a pullback of solve, and leave nothing', () => {
    const before = tf.memory().numTensors;
    const y0 = tf.tensor2d([[1, 2]]);
    const solution = solve(f, y0, ts, { ...options, outputs: 'interpolate' });
    expect(solution.ys.shape).toEqual([5, 1, 2]);
    const cotangents = tf.ones([5, 1, 2]);
    const pulled = solution.pullback(cotangents);
    const expected = tf.grad((y: tf.Tensor) =>
      tf.sum(odeint(f, y as tf.Tensor2D, ts, { ...options, outputs: 'interpolate' })),
    )(y0);
    expect([...pulled.y0.dataSync()]).toEqual([...expected.dataSync()]);
    tf.dispose([pulled.y0, expected, cotangents, y0]);
    solution.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
