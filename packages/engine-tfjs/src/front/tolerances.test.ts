import * as tf from '@tensorflow/tfjs';
import { ArgumentError, createRegistry } from '@odegrad/core';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { odeint } from './odeint.ts';
import type { OdeOptions } from './options.ts';
import { solve } from './solve.ts';

const registry = createRegistry().use(tableaux).use(symplectic);

let before = 0;
beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
});
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

/** A pendulum with its angle in any unit. */
const pendulum =
  (unit: number) =>
  (_t: tf.Scalar, { angle, speed }: { angle: tf.Tensor; speed: tf.Tensor }) => ({
    angle: tf.mul(speed, unit),
    speed: tf.neg(tf.sin(tf.div(angle, unit))),
  });
const start = (unit: number) => ({ angle: tf.tensor1d([unit, 0.5 * unit]), speed: tf.tensor1d([0, 1]) });

/** Steps, states and gradient, in units of the first. */
function swing(unit: number, options: OdeOptions) {
  const ends: number[] = [];
  return tf.tidy(() => {
    const solution = solve(pendulum(unit), start(unit), [0, 3], {
      registry,
      onStep: ({ t, phase }) => phase === 'forward' && ends.push(t),
      ...options,
    });
    const { angle, speed } = solution.ys;
    const gradient = solution.pullback({ angle: tf.div(tf.ones([2, 2]), unit), speed: tf.ones([2, 2]) });
    const numbers = [tf.div(angle, unit), speed, tf.mul(gradient.y0.angle, unit), gradient.y0.speed].flatMap(
      (x) => [...x.dataSync()],
    );
    solution.dispose();
    return { ends, numbers };
  });
}

describe('tolerances of the structure of y0', () => {
  it.each(['rms', 'max', (parts: readonly number[]) => Math.max(...parts)] as const)(
    'are those of the problem in other units: %s',
    (norm) => {
      // A power of two scales without rounding.
      const plain = swing(1, { norm });
      const atol = { angle: 256 * 1e-6, speed: 1e-6 };
      expect(swing(256, { norm, atol })).toEqual(plain);
      // The order of the keys is that of y0.
      expect(
        swing(256, { norm, atol: { speed: 1e-6, angle: 256 * 1e-6 }, rtol: { speed: 1e-3, angle: 1e-3 } }),
      ).toEqual(plain);
      expect(swing(256, { norm }).ends).not.toEqual(plain.ends);
    },
  );

  it('are lists for lists, and one number for a tensor', () => {
    const f = (_t: tf.Scalar, [x, v]: readonly tf.Tensor[]): [tf.Tensor, tf.Tensor] => [v!, tf.neg(x!)];
    const accepted = (options: OdeOptions): number =>
      tf.tidy(() => {
        const solution = solve(f, [tf.scalar(1), tf.scalar(0)], [0, 3], { registry, ...options });
        const { stats } = solution;
        solution.dispose();
        return stats.accepted;
      });
    const plain = accepted({});
    expect(accepted({ rtol: [1e-3, 1e-3], atol: [1e-6, 1e-6] })).toBe(plain);
    expect(accepted({ rtol: [1e-3, 1e-5] })).toBeGreaterThan(plain);
    // What is left out may have any relative tolerance.
    const atol = [Infinity, 1e-6];
    expect(accepted({ rtol: [1e-5, 1e-3], atol })).toBe(accepted({ rtol: 1e-3, atol }));
  });

  it('hold every row of a batch where the norm is `max`', () => {
    const accepted = (rows: number, norm: 'rms' | 'max'): number =>
      tf.tidy(() => {
        const y0 = tf.tensor1d([1, ...Array<number>(rows - 1).fill(0)]);
        const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);
        const solution = solve(f, y0, [0, 2], { registry, norm });
        const { stats } = solution;
        solution.dispose();
        return stats.accepted;
      });
    // One row of 64 moves.
    expect(accepted(64, 'max')).toBe(accepted(1, 'max'));
    expect(accepted(1, 'max')).toBe(accepted(1, 'rms'));
    expect(accepted(64, 'rms')).toBeLessThan(accepted(1, 'rms'));
  });

  it('are refused where they differ from y0, saying how', () => {
    const refusal = (options: object, y0?: object): string =>
      tf.tidy(() => {
        const f = pendulum(1) as never;
        let message = '';
        const call = (): unknown => odeint(f, (y0 ?? start(1)) as never, [0, 1], { registry, ...options });
        expect(call).toThrow(ArgumentError);
        try {
          call();
        } catch (error) {
          message = (error as Error).message;
        }
        return message;
      });
    const record = [
      { atol: { angel: 1e-3, speed: 1e-3 } },
      { atol: { angle: 1e-3 } },
      { rtol: [1e-3, 1e-3] },
      { rtol: { angle: -1, speed: 1 } },
      { rtol: { angle: 1e-3, speed: Infinity } },
      { atol: { angle: NaN, speed: 1 } },
      { atol: { angle: '1', speed: 1 } },
      { atol: Infinity },
      { rtol: null },
      { rtol: { angle: 0, speed: 1 }, atol: { angle: 0, speed: 1 } },
      { atol: { angle: Infinity, speed: Infinity } },
      { norm: 'l2' },
      { force: true },
      { numSteps: 2, norm: 'max' },
      { numSteps: 2, force: true },
    ];
    expect(record.map((options) => refusal(options))).toMatchInlineSnapshot(`
      [
        "atol must be a record with the keys of y0, angle, speed, not one with angel, speed. Did you mean 'angle'?",
        "atol must be a record with the keys of y0, angle, speed, not one with angle.",
        "rtol must be a record with the keys of y0, angle, speed, not an array of 2.",
        "\`rtol.angle\` must be ≥ 0, not -1.",
        "\`rtol.speed\` must be ≥ 0, not Infinity.",
        "\`atol.angle\` must be ≥ 0, not NaN.",
        "\`atol.angle\` must be a number, not '1'.",
        "\`atol\` must be ≥ 0, not Infinity.",
        "rtol must be a record with the keys of y0, angle, speed, not null.",
        "\`rtol\` and \`atol\` are both 0 in part 0 of y0 (counted from 0); no step could be accepted.",
        "\`atol\` is Infinity in every part, which leaves none to choose steps by.",
        "\`norm\` must be 'rms', 'max' or a function of the scaled errors by part, not 'l2'.",
        "\`force\` accepts steps of the size \`minStep\`; give that too.",
        "\`norm\` is for adaptive steps, but \`numSteps\` fixes them. Leave out one of the two.",
        "\`force\` is for adaptive steps, but \`numSteps\` fixes them. Leave out one of the two.",
      ]
    `);
    tf.tidy(() => {
      const list = [{ rtol: [1e-3] }, { rtol: { a: 1e-3 } }, { atol: [1, [1]] }];
      expect(list.map((options) => refusal(options, [tf.scalar(1), tf.scalar(2)]))).toMatchInlineSnapshot(`
        [
          "rtol must be an array of 2 numbers like y0, not an array of 1.",
          "rtol must be an array of 2 numbers like y0, not an object.",
          "\`atol[1]\` must be a number, not an array of 1.",
        ]
      `);
      const single = [{ rtol: [1e-3] }, { atol: { y: 1 } }];
      expect(single.map((options) => refusal(options, tf.scalar(1)))).toMatchInlineSnapshot(`
        [
          "\`rtol\` must be a number, not an array of 1.",
          "\`atol\` must be a number, not an object.",
        ]
      `);
    });
  });
});
