import { control, odeint, solve, type ControlKind } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { registry } from './registry.ts';

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

const TIMES = [0, 0.5, 2, 3];
const VALUES = [
  [1, -2],
  [3, 0.5],
  [2, 4],
  [-1, 0],
];

/** The same written down with numbers: the value at t of entry c, by the formulas of Hermite. */
function reference(kind: ControlKind, t: number, c: number): number {
  const u = VALUES.map((row) => row[c]!);
  const line = (k: number): number => (u[k + 1]! - u[k]!) / (TIMES[k + 1]! - TIMES[k]!);
  if (kind === 'steps')
    return u[
      Math.max(
        0,
        TIMES.findLastIndex((knot) => knot <= t),
      )
    ]!;
  const k = Math.min(
    2,
    Math.max(
      0,
      TIMES.findLastIndex((knot) => knot <= t),
    ),
  );
  const d = TIMES[k + 1]! - TIMES[k]!;
  const z = (t - TIMES[k]!) / d;
  if (kind === 'linear') return u[k]! + z * d * line(k);
  const [m, s] = [k === 0 ? line(0) : line(k - 1), line(k)];
  const [h00, h10] = [(1 + 2 * z) * (1 - z) ** 2, z * (1 - z) ** 2];
  const [h01, h11] = [z * z * (3 - 2 * z), z * z * (z - 1)];
  return h00 * u[k]! + h10 * d * m + h01 * u[k + 1]! + h11 * d * s;
}

const PLACES = [-0.25, 0, 0.2, 0.5, 0.51, 1.7, 2, 2.9, 3, 3.25];

describe('a control', () => {
  it.each(['linear', 'cubic', 'steps'] as const)('of kind %s goes through its values', (kind) => {
    const u = control(TIMES, tf.tensor2d(VALUES), kind);
    expect(u.knots).toEqual(kind === 'steps' ? [0.5, 2, 3] : [0.5, 2]);
    for (const t of PLACES) {
      const found = u.at(tf.scalar(t));
      expect(found.shape).toEqual([2]);
      found.dataSync().forEach((x, c) => expect(x).toBeCloseTo(reference(kind, t, c), 5));
    }
  });

  it.each(['linear', 'cubic'] as const)('of kind %s has its rate', (kind) => {
    const u = control(TIMES, tf.tensor2d(VALUES), kind);
    for (const t of PLACES.filter((place) => !TIMES.includes(place))) {
      u.rate(tf.scalar(t))
        .dataSync()
        .forEach((rate, c) => {
          const difference = (reference(kind, t + 1e-5, c) - reference(kind, t - 1e-5, c)) / 2e-5;
          expect(rate).toBeCloseTo(difference, 4);
        });
    }
  });

  it('is checked before it is used', () => {
    const us = tf.tensor2d(VALUES);
    expect(() => control([0, 1], us)).toThrow('`us` must be float32 of the shape [2, …]');
    expect(() => control([0, 1, 1, 2], us)).toThrow('ts[1] = 1 and ts[2] = 1');
    expect(() => control(TIMES, us, 'spline' as never)).toThrow("'linear', 'cubic' or 'steps'");
    expect(() => control([0], tf.tensor1d([1]))).toThrow('two times at least');
    expect(() => control(TIMES, us, 'steps').rate(tf.scalar(1))).toThrow('has no rate');
    expect(
      control([0], tf.tensor1d([7]), 'steps')
        .at(tf.scalar(5))
        .dataSync()[0],
    ).toBe(7);
  });
});

describe.each(['tfjs', 'replay', 'onnx', 'wasm'])('a control on engine %s', (engine) => {
  const options = { registry, engine, solver: 'rk4', stepSize: 0.1 } as const;

  it.each(['linear', 'cubic'] as const)('of kind %s: the integral of its rate is what it gains', (kind) => {
    const us = tf.tensor2d(VALUES);
    const u = control(TIMES, us, kind);
    const gain = (x: tf.Tensor): tf.Tensor =>
      odeint((t, _y, path) => control(TIMES, path, kind).rate(t), tf.tensor1d([0, 0]), TIMES, {
        ...options,
        args: x,
        ...(kind === 'linear' ? { jumpAt: u.knots } : {}),
      });
    tf.sub(gain(us), tf.sub(us, tf.slice(us, 0, 1)))
      .dataSync()
      .forEach((x) => expect(Math.abs(x)).toBeLessThan(1e-5));
    // So the gradient of what it gained at the end is that of the last value less the first.
    const gradient = tf
      .grad((x) => tf.sum(tf.slice(gain(x), 3, 1)))(us)
      .dataSync();
    [-1, -1, 0, 0, 0, 0, 1, 1].forEach((wanted, i) => expect(gradient[i]).toBeCloseTo(wanted, 4));
  });

  it('of steps is integrated exactly where steps end on its knots', () => {
    const u = control(TIMES, tf.tensor2d(VALUES), 'steps');
    const solution = solve((t) => u.at(t), tf.tensor1d([0, 0]), [0, 3], {
      ...options,
      stepSize: 1,
      jumpAt: u.knots,
    });
    const end = tf.gather(solution.ys, 1).dataSync();
    [0, 1].forEach((c) => {
      const area = 0.5 * VALUES[0]![c]! + 1.5 * VALUES[1]![c]! + VALUES[2]![c]!;
      expect(end[c]).toBeCloseTo(area, 5);
    });
    solution.dispose();
  });
});
