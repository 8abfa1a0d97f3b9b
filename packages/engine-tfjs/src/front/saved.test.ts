import { ArgumentError, createLedger, createRegistry } from '@odegrad/core';
import { adjoint } from '@odegrad/grad-adjoint';
import { backprop } from '@odegrad/grad-backprop';
import checkpoints from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { odeint } from './odeint.ts';
import type { OdeOptions } from './options.ts';
import { solve, type OdeGradient } from './solve.ts';

const registry = createRegistry().use(tableaux).use(checkpoints);
const rate = (t: tf.Scalar, y: { x: tf.Tensor; v: tf.Tensor }) => ({
  x: y.v,
  v: tf.sub(tf.sin(tf.mul(t, 3)), tf.add(tf.mul(y.x, 2), tf.mul(y.v, 0.3))),
});
const times = [0, 0.4, 0.4, 1.1, 2];
const methods: Record<string, OdeOptions> = {
  'constant steps': { solver: 'rk4', numSteps: 3 },
  'constant steps that are read': { solver: 'rk4', numSteps: 3, outputs: 'interpolate' },
  'adaptive steps': { solver: 'dopri5', rtol: 1e-4, atol: 1e-6 },
  'adaptive steps that land': { solver: 'dopri5', rtol: 1e-4, atol: 1e-6, outputs: 'land' },
  'steps beside a jump': { solver: 'tsit5', rtol: 1e-4, atol: 1e-6, jumpAt: [1.3], stepTo: [0.7] },
  'constant steps beside a jump': { solver: 'midpoint', stepSize: 0.2, jumpAt: [1.3], stepTo: [0.7] },
};
const strategies = [symplectic, backprop];

let y0: { x: tf.Tensor2D; v: tf.Tensor2D };
let before = 0;
beforeAll(() => tf.setBackend('cpu'));
beforeEach(() => {
  before = tf.memory().numTensors;
  y0 = { x: tf.tensor2d([[1, 2]]), v: tf.tensor2d([[0.5, -1]]) };
});
afterEach(() => {
  tf.dispose(y0);
  expect(tf.memory().numTensors).toBe(before);
});

/** The last entry of a trajectory, or a trajectory of zeros with a last entry of ones. */
const last = (x: tf.Tensor): number[] => [...x.dataSync()].slice(-2);
const atEnd = (x: tf.Tensor): tf.Tensor =>
  tf.concat([tf.zerosLike(tf.slice(x, 0, x.shape[0] - 1)), tf.ones([1, ...x.shape.slice(1)])]);
const numbersOf = ({ y0: y, ts }: OdeGradient<typeof y0>): number[] =>
  [y.x, y.v, ...(ts ? [ts] : [])].flatMap((x) => [...x.dataSync()]);

describe.each(Object.entries(methods))('%s', (_, options) => {
  it.each(strategies)('end where they do with all outputs, gradient $name', (gradient) => {
    for (const isTensor of [false, true]) {
      tf.tidy(() => {
        const ts = isTensor ? tf.tensor1d(times) : times;
        const all = solve(rate, y0, ts, { ...options, registry, gradient });
        const end = solve(rate, y0, ts, { ...options, registry, gradient, saveAt: 'end' });
        expect([end.ts, end.ys.x.shape]).toEqual([[2], [1, 2]]);
        expect([...end.ys.x.dataSync(), ...end.ys.v.dataSync()]).toEqual([
          ...last(all.ys.x),
          ...last(all.ys.v),
        ]);
        expect(end.stats.evaluationsForward).toBe(all.stats.evaluationsForward);
        const pulled = end.pullback({ x: tf.ones([1, 2]), v: tf.ones([1, 2]) });
        expect(numbersOf(pulled)).toEqual(
          numbersOf(all.pullback({ x: atEnd(all.ys.x), v: atEnd(all.ys.v) })),
        );
        all.dispose();
        end.dispose();
      });
    }
  });

  it.each(strategies)('are given with the states at their ends, gradient $name', (gradient) => {
    tf.tidy(() => {
      const all = solve(rate, y0, times, { ...options, registry, gradient });
      const steps = solve(rate, y0, times, { ...options, registry, gradient, saveAt: 'steps' });
      const count = steps.stats.accepted + 1;
      expect([steps.ts.length, steps.ys.x.shape]).toEqual([count, [count, 1, 2]]);
      expect([steps.ts[0], steps.ts.at(-1), steps.stats.accepted]).toEqual([0, 2, all.stats.accepted]);
      for (const t of options.jumpAt ? [0.7, 1.3] : []) expect(steps.ts).toContain(t);
      expect(last(steps.ys.x)).toEqual(last(all.ys.x));
      // A step of constant size from each of those times to the next one is the same step.
      const { solver } = options;
      const again = solve(rate, y0, steps.ts, { solver, numSteps: 1, registry, gradient });
      const [x, v] = [tf.randomNormal(steps.ys.x.shape, 0, 1, 'float32', 1), tf.zerosLike(steps.ys.v)];
      const [a, b] = [steps, again].map((one) => numbersOf(one.pullback({ x, v })));
      a!.forEach((entry, i) => expect(Math.abs(entry - b![i]!)).toBeLessThan(2e-5));
      for (const one of [all, steps, again]) one.dispose();
    });
  });
});

describe('a dense solution', () => {
  const at = [0, 0.3, 1.1, 1.3, 1.7, 2];
  it.each(strategies)(
    'is read at a time and at several, with cotangents there, gradient $name',
    (gradient) => {
      const options: OdeOptions = { solver: 'dopri5', rtol: 1e-4, atol: 1e-6, registry, gradient };
      tf.tidy(() => {
        const read = solve(rate, y0, at, { ...options, outputs: 'interpolate' });
        const dense = solve(rate, y0, [0, 2], { ...options, dense: true });
        const { x, v } = dense.at(at);
        expect([x.shape, dense.at(0.3).x.shape]).toEqual([
          [6, 1, 2],
          [1, 2],
        ]);
        expect([...x.dataSync(), ...v.dataSync()]).toEqual([
          ...read.ys.x.dataSync(),
          ...read.ys.v.dataSync(),
        ]);
        expect([...dense.at(1.3).x.dataSync()]).toEqual([...tf.slice(x, 3, 1).dataSync()]);
        // dx/dt is v.
        const { x: slope } = dense.rate(at);
        slope.dataSync().forEach((entry, i) => {
          expect(Math.abs(entry - v.dataSync()[i]!)).toBeLessThan(5e-3);
        });
        const cotangent = { x: tf.ones([6, 1, 2]), v: tf.randomNormal([6, 1, 2], 0, 1, 'float32', 3) };
        const expected = numbersOf(read.pullback(cotangent));
        const one = numbersOf(dense.pullback(undefined, [{ t: at, cotangent }]));
        const cut = (x: tf.Tensor, i: number): tf.Tensor => tf.reshape(tf.slice(x, i, 1), [1, 2]);
        const single = at.map((t, i) => ({
          t,
          cotangent: { x: cut(cotangent.x, i), v: cut(cotangent.v, i) },
        }));
        const two = numbersOf(dense.pullback(undefined, single.reverse()));
        expected.forEach((entry, i) => {
          for (const list of [one, two]) expect(Math.abs(list[i]! - entry)).toBeLessThan(1e-4);
        });
        read.dispose();
        dense.dispose();
        expect(() => dense.at(1)).toThrow(/released/);
      });
    },
  );

  it('is refused outside its times, with cotangents of another shape, and where there is none', () => {
    tf.tidy(() => {
      const options: OdeOptions = { registry, gradient: symplectic };
      const dense = solve(rate, y0, [0, 2], { ...options, dense: true });
      for (const t of [-1, 2.1, NaN]) expect(() => dense.at(t)).toThrow(/from 0 to 2/);
      expect(() => dense.rate([0, 3])).toThrow(/from 0 to 2/);
      expect(() => dense.at([])).toThrow(/a list of one or more/);
      expect(() => dense.at('1' as never)).toThrow(/takes a time/);
      const points = [{ t: [0.5, 1], cotangent: { x: tf.ones([1, 2]), v: tf.ones([1, 2]) } }];
      expect(() => dense.pullback(undefined, points)).toThrow(/points\[0\].cotangent.x must be/);
      dense.dispose();
      const plain = solve(rate, y0, [0, 2], options);
      expect(() => plain.at(1)).toThrow(/Solve with `dense: true`/);
      expect(() => plain.pullback(undefined, points)).toThrow(/Solve with `dense: true`/);
      plain.dispose();
      const timed = solve(rate, y0, tf.tensor1d([0, 2]), { ...options, dense: true });
      const rates = [{ t: 1, cotangent: { x: tf.ones([1, 2]), v: tf.ones([1, 2]) }, rate: true }];
      expect(() => timed.pullback(undefined, rates)).toThrow(/Give times as numbers/);
      timed.dispose();
    });
  });
});

describe('odeint', () => {
  const gradient = symplectic;
  it('gives the last state alone, on a tape and off it', () => {
    const loss = (saveAt: 'ts' | 'end') => (x: tf.Tensor, v: tf.Tensor) => {
      const end = odeint(rate, { x, v }, times, { registry, gradient, saveAt });
      const part = saveAt === 'end' ? end.x : tf.slice(end.x, [4, 0, 0], [1, 1, 2]);
      expect(end.x.shape).toEqual(saveAt === 'end' ? [1, 2] : [5, 1, 2]);
      return tf.sum(tf.square(part));
    };
    tf.tidy(() => {
      const [all, end] = (['ts', 'end'] as const).map((saveAt) =>
        tf
          .grads(loss(saveAt))([y0.x, y0.v])
          .flatMap((x) => [...x.dataSync()]),
      );
      expect(end).toEqual(all);
      expect(odeint(rate, y0, [0.5], { registry, saveAt: 'end' }).x.dataSync()).toEqual(y0.x.dataSync());
    });
  });

  it('refuses what it has no place for, what is misspelled, and what a budget or a gradient does not allow', () => {
    const refused = (options: object, message: RegExp): void => {
      for (const go of [odeint, solve]) {
        if (go === solve && message.source.includes('Take solve')) continue;
        const call = (): unknown => go(rate, y0, [0, 2], { registry, gradient, ...options });
        expect(call).toThrow(ArgumentError);
        expect(call).toThrow(message);
      }
    };
    refused({ saveAt: 'steps' }, /Take solve\(…\), whose solution has the times of its steps/);
    refused({ dense: true }, /Take solve\(…\), whose solution has `at` and `rate`/);
    refused({ saveAt: 'step' }, /must be 'ts', 'steps' or 'end', not 'step' \(did you mean 'steps'\?\)\./);
    refused({ saveAt: 3 }, /must be 'ts', 'steps' or 'end', not 3\./);
    refused({ dense: 'yes' }, /`dense` must be true or false/);
    refused({ saveat: 'end' }, /Did you mean 'saveAt'\?/);
    const ledger = createLedger();
    for (const more of [{ dense: true }, { saveAt: 'steps' }] as const) {
      expect(() => solve(rate, y0, [0, 2], { registry, maxBytes: 1e6, ledger, ...more })).toThrow(
        /budget of bytes/,
      );
      expect(() => solve(rate, y0, [0, 2], { registry, gradient: adjoint, ledger, ...more })).toThrow(
        /take an exact gradient/,
      );
    }
    expect(ledger.bytes).toBe(0);
    const end = solve(rate, y0, times, {
      registry,
      gradient: adjoint,
      saveAt: 'end',
      numSteps: 20,
      solver: 'rk4',
    });
    tf.dispose({ ...end.pullback(end.ys) });
    end.dispose();
  });
});
