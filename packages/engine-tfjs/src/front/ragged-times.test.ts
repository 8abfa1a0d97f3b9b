import { ArgumentError, createLedger, createRegistry } from '@odegrad/core';
import { adjoint } from '@odegrad/grad-adjoint';
import { backprop } from '@odegrad/grad-backprop';
import checkpoints from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { noiseVector } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { odeint } from './odeint.ts';
import type { OdeOptions } from './options.ts';
import { solve } from './solve.ts';

const registry = createRegistry().use(tableaux).use(checkpoints);
const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
  const [x, v] = tf.split(y, 2, 1);
  return tf.concat([v!, tf.sub(tf.sin(tf.mul(t, 3)), tf.mul(x!, 2))], 1);
};

/** Times of each of so many rows, sorted, between 0 and 2, the last ones repeated. */
function timesOf(count: number, length: number, decreasing = false): number[][] {
  const noise = noiseVector(7, count * length);
  return Array.from({ length: count }, (_, b) => {
    const row = Array.from(noise.slice(b * length, (b + 1) * length), (x) => 1 + Math.tanh(x)).sort((p, q) =>
      decreasing ? q - p : p - q,
    );
    row.fill(row[length - 1 - (b % 3)]!, length - (b % 3));
    return row;
  });
}
const stateOf = (count: number): tf.Tensor2D =>
  tf.tensor2d(Float32Array.from(noiseVector(3, 2 * count)), [count, 2]);
const valuesOf = (x: tf.Tensor): number[] => [...x.dataSync()];
const methods: Record<string, OdeOptions> = {
  'adaptive steps': { solver: 'dopri5', rtol: 1e-4, atol: 1e-6 },
  'constant steps': { solver: 'rk4', numSteps: 7 },
  'steps beside jumps': { solver: 'tsit5', rtol: 1e-4, atol: 1e-6, jumpAt: [1.3], stepTo: [0.7] },
};

let before = 0;
beforeAll(() => tf.setBackend('cpu'));
beforeEach(() => void (before = tf.memory().numTensors));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

it('64 series of 50 times each cost the evaluations of one solve, and each is read as if it were alone', () => {
  tf.tidy(() => {
    const [ts, y0] = [timesOf(64, 50), stateOf(64)];
    const all = ts.flat();
    const [t0, t1] = [Math.min(...all), Math.max(...all)];
    const options: OdeOptions = { registry, solver: 'dopri5', rtol: 1e-4, atol: 1e-6, gradient: symplectic };
    const [ends, ragged] = [[t0, t1], ts].map((times) => solve(f, y0, times, options)) as [
      ReturnType<typeof solve<tf.Tensor2D>>,
      ReturnType<typeof solve<tf.Tensor2D>>,
    ];
    expect([ragged.ys.shape, ragged.ts]).toEqual([
      [50, 64, 2],
      [t0, t1],
    ]);
    expect(ragged.stats.evaluationsForward).toBe(ends.stats.evaluationsForward);
    expect(ragged.stats.keptStateBytes).toBe(ends.stats.keptStateBytes);
    for (const b of [0, 17, 63]) {
      const alone = odeint(f, y0, [t0, ...ts[b]!, t1], { ...options, outputs: 'interpolate' });
      const own = valuesOf(tf.slice(alone, [1, b, 0], [50, 1, 2]));
      valuesOf(tf.slice(ragged.ys, [0, b, 0], [50, 1, 2])).forEach((x, i) => {
        expect(Math.abs(x - own[i]!)).toBeLessThan(1e-6);
      });
    }
    const evaluations = [ends, ragged].map((one) => {
      one.pullback(tf.ones(one.ys.shape));
      return one.stats.evaluationsBackward;
    });
    expect(evaluations[1]! - evaluations[0]!).toBe(1);
    ends.dispose();
    ragged.dispose();
  });
});

describe.each(Object.entries(methods))('times by row, %s', (_, options) => {
  it.each([symplectic, backprop])(
    'have the gradient of the same states read one by one, $name',
    (gradient) => {
      for (const decreasing of [false, true]) {
        tf.tidy(() => {
          const [count, length] = [4, 5];
          const ts = timesOf(count, length, decreasing);
          const y0 = stateOf(count);
          const union = [...new Set(ts.flat())].sort((p, q) => (decreasing ? q - p : p - q));
          const settings: OdeOptions = { ...options, registry, gradient };
          const weight = tf.tensor3d(Float32Array.from(noiseVector(5, count * length * 2)), [
            length,
            count,
            2,
          ]);
          // Of each time of all, the cotangents of the rows that have it.
          const masked = tf.stack(
            union.map((t) =>
              tf.addN(
                Array.from({ length }, (_x, j) =>
                  tf.mul(
                    tf.reshape(tf.slice(weight, j, 1), [count, 2]),
                    tf.tensor2d(
                      ts.map((row) => (row[j] === t ? 1 : 0)),
                      [count, 1],
                    ),
                  ),
                ),
              ),
            ),
          );
          const ragged = solve(f, y0, tf.tensor2d(ts), settings);
          const times = tf.tensor1d(union);
          const whole = solve(f, y0, times, { ...settings, outputs: 'interpolate' });
          const own = ts.map((row) => row.map((t) => union.indexOf(t)));
          const read = valuesOf(whole.ys);
          valuesOf(ragged.ys).forEach((x, place) => {
            const [j, b, k] = [Math.floor(place / 8), Math.floor(place / 2) % 4, place % 2];
            expect(Math.abs(x - read[8 * own[b]![j]! + 2 * b + k]!)).toBeLessThan(2e-6);
          });
          const [a, b] = [ragged.pullback(weight), whole.pullback(masked)];
          const expected = valuesOf(b.y0);
          valuesOf(a.y0).forEach((x, i) => expect(Math.abs(x - expected[i]!)).toBeLessThan(2e-5));
          // A time that no other row has, and that is not where the solve begins or ends.
          expect(a.ts!.shape).toEqual([count, length]);
          const ofUnion = valuesOf(b.ts!);
          let compared = 0;
          valuesOf(a.ts!).forEach((x, i) => {
            const at = own.flat()[i]!;
            const isOnlyOne = own.flat().filter((other) => other === at).length === 1;
            if (!isOnlyOne || at === 0 || at === union.length - 1) return;
            expect(Math.abs(x - ofUnion[at]!)).toBeLessThan(2e-5);
            compared += 1;
          });
          expect(compared).toBeGreaterThan(5);
          ragged.dispose();
          whole.dispose();
        });
      }
    },
  );
});

describe('times by row', () => {
  const options: OdeOptions = { registry, gradient: symplectic, solver: 'dopri5', rtol: 1e-4, atol: 1e-6 };

  it('serve states of several parts, on a tape, with the times too', () => {
    tf.tidy(() => {
      const ts = timesOf(3, 4);
      const field = (_t: tf.Scalar, y: { x: tf.Tensor; v: tf.Tensor }) => ({
        x: tf.squeeze(y.v, [1]),
        v: tf.neg(tf.expandDims(y.x, 1)),
      });
      const loss = (x: tf.Tensor, v: tf.Tensor, times: tf.Tensor): tf.Scalar => {
        const ys = odeint(field, { x, v }, times, options);
        expect([ys.x.shape, ys.v.shape]).toEqual([
          [4, 3],
          [4, 3, 1],
        ]);
        return tf.add(tf.sum(tf.square(ys.x)), tf.sum(ys.v));
      };
      const [x, v, times] = [tf.tensor1d([1, 2, 3]), tf.tensor2d([[1], [0], [-1]]), tf.tensor2d(ts)];
      const [dx, dv, dt] = tf.grads(loss)([x, v, times]);
      expect([dx!.shape, dv!.shape, dt!.shape]).toEqual([[3], [3, 1], [3, 4]]);
      // Each row turns on a circle from the first time of all: x cos τ + v sin τ and v cos τ − x sin τ.
      const t0 = Math.min(...ts.flat());
      ts.forEach((row, b) => {
        const [p, q] = [valuesOf(x)[b]!, valuesOf(v)[b]!];
        let [px, pv] = [0, 0];
        row.forEach((t, j) => {
          const [c, s] = [Math.cos(t - t0), Math.sin(t - t0)];
          const [at, slope] = [p * c + q * s, q * c - p * s];
          px += 2 * at * c - s;
          pv += 2 * at * s + c;
          expect(Math.abs(valuesOf(dt!)[4 * b + j]! - (2 * at * slope - at))).toBeLessThan(2e-2);
        });
        expect(Math.abs(valuesOf(dx!)[b]! - px)).toBeLessThan(1e-2);
        expect(Math.abs(valuesOf(dv!)[b]! - pv)).toBeLessThan(1e-2);
      });
    });
  });

  it('may all be the same, and then are those of a list', () => {
    tf.tidy(() => {
      const y0 = stateOf(2);
      const list = [0, 0.3, 1];
      const [rows, plain] = [[list, list], list].map((ts) =>
        valuesOf(odeint(f, y0, ts, { ...options, outputs: 'interpolate' })),
      );
      rows!.forEach((x, i) => expect(Math.abs(x - plain![i]!)).toBeLessThan(1e-6));
      const still = solve(f, y0, [[0.5], [0.5]], options);
      expect(valuesOf(still.ys)).toEqual(valuesOf(y0));
      expect(valuesOf(still.pullback(tf.ones([1, 2, 2])).y0)).toEqual([1, 1, 1, 1]);
      still.dispose();
    });
  });

  it('keep to a budget', () => {
    for (const maxBytes of [6000, 7000, 8000, 9000]) {
      for (const solver of ['dopri5', 'bosh3']) {
        const ledger = createLedger();
        tf.tidy(() => {
          const budget = { registry, ledger, maxBytes, solver, rtol: 1e-4, atol: 1e-6 };
          const solution = solve(f, stateOf(8), timesOf(8, 20), budget);
          solution.pullback(tf.ones([20, 8, 2]));
          solution.dispose();
        });
        expect(ledger.bytesPeak).toBeLessThanOrEqual(maxBytes);
        expect(ledger.bytes).toBe(0);
      }
    }
  });

  it('are refused where they are none, and where rows are not to be had', () => {
    tf.tidy(() => {
      const y0 = stateOf(2);
      const refused = (ts: unknown, message: RegExp, more: OdeOptions = {}, y: tf.Tensor = y0): void => {
        for (const go of [odeint, solve]) {
          const call = (): unknown => go(f, y as tf.Tensor2D, ts as number[][], { ...options, ...more });
          expect(call).toThrow(ArgumentError);
          expect(call).toThrow(message);
        }
      };
      refused([[0, 1], [0]], /`ts\[1\]` has 1 times and `ts\[0\]` has 2. Repeat the last time/);
      refused([[0, 1], 2], /`ts\[1\]` must be an array of numbers like the others/);
      refused([[], []], /at least one time for each row/);
      refused(
        [
          [0, 1],
          [0, NaN],
        ],
        /`ts\[1\]\[1\]` is NaN/,
      );
      refused(
        [
          [0, 1, 0.5],
          [0, 1, 2],
        ],
        /turns back, or goes another way .* at ts\[0\]\[2\] = 0.5/,
      );
      refused(
        [
          [0, 1],
          [1, 0],
        ],
        /`ts\[1\]` turns back, or goes another way/,
      );
      refused([[0, 1]], /times for 1 rows, but y0 is of the shape \[2, 2\]/);
      refused(
        [
          [0, 1],
          [0, 2],
        ],
        /but y0 is of the shape \[\]/,
        {},
        tf.scalar(1),
      );
      const good = [
        [0, 1],
        [0, 2],
      ];
      refused(good, /saveAt: 'end' gives the states of all rows at the same times. Leave `saveAt` out/, {
        saveAt: 'end',
      });
      refused(good, /dense: true reads all rows at the same times. Leave `dense` out/, { dense: true });
      refused(good, /Leave `outputs` out/, { outputs: 'land' });
      expect(() => solve(f, y0, good, { ...options, gradient: adjoint })).toThrow(/`outputs`|exact gradient/);
    });
  });
});
