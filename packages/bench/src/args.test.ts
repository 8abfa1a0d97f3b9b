import { odeint, solve, type Float64Tensor } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { registry } from './registry.ts';

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

interface Forces {
  readonly drag: tf.Tensor;
  readonly pushes: readonly [tf.Tensor];
}

/** dy/dt = −drag y + push sin(t) */
const f = (t: tf.Scalar, y: tf.Tensor, { drag, pushes }: Forces): tf.Tensor =>
  tf.add(tf.mul(tf.neg(drag), y), tf.mul(pushes[0], tf.sin(t)));

const TIMES = [0, 0.5, 1];
const options = { registry, solver: 'rk4', numSteps: 4 } as const;

/** Exact: y' = −k y + p sin t from y₀, its value and the derivative by k through differences. */
const exact = (k: number, p: number, y0: number, t: number): number => {
  const c = p / (1 + k * k);
  return (y0 + c) * Math.exp(-k * t) + c * (k * Math.sin(t) - Math.cos(t));
};

describe.each(['tfjs', 'replay', 'onnx', 'wasm'])('args on engine %s', (engine) => {
  it('are numbers and tensors in lists and records, and have gradients in their structure', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const pushes = [tf.tensor1d([0.3, 0.4])];
      for (const drag of [0.5, 0.7]) {
        const solution = solve(f, tf.tensor1d([1, 2]), TIMES, {
          ...options,
          engine,
          args: { drag, pushes, name: 'bob', count: tf.scalar(3, 'int32') } as unknown as {
            drag: number;
            pushes: [tf.Tensor];
          },
        });
        const last = tf.gather(solution.ys, 2).dataSync();
        expect(last[0]).toBeCloseTo(exact(drag, 0.3, 1, 1), 4);
        expect(last[1]).toBeCloseTo(exact(drag, 0.4, 2, 1), 4);
        const { args } = solution.pullback(
          tf.tensor2d([
            [0, 0],
            [0, 0],
            [1, 1],
          ]),
        );
        const sum = (k: number): number => exact(k, 0.3, 1, 1) + exact(k, 0.4, 2, 1);
        expect(args.drag.shape).toEqual([]);
        expect(args.drag.dataSync()[0]).toBeCloseTo((sum(drag + 1e-4) - sum(drag - 1e-4)) / 2e-4, 3);
        const byPush = exact(drag, 1, 0, 1);
        for (const entry of args.pushes[0].dataSync()) expect(entry).toBeCloseTo(byPush, 4);
        expect(args).toMatchObject({ name: undefined, count: undefined });
        solution.dispose();
      }
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('have gradients on the tape, whatever they depend on', () => {
    const y0 = tf.tensor1d([1, 2]);
    const loss = (drag: tf.Tensor, push: tf.Tensor): tf.Scalar =>
      tf.sum(odeint(f, y0, TIMES, { ...options, engine, args: { drag, pushes: [push] as const } }));
    const [drag, push] = [tf.scalar(0.7), tf.tensor1d([0.3, 0.4])];
    const captured = (k: tf.Tensor, p: tf.Tensor): tf.Scalar =>
      tf.sum(odeint((t, y) => f(t, y, { drag: k, pushes: [p] }), y0, TIMES, { ...options, engine }));
    const found = tf.grads(loss)([drag, push]);
    const wanted = tf.grads(captured)([drag, push]);
    found.forEach((x, i) => expect(x.dataSync()).toEqual(wanted[i]!.dataSync()));

    const root = tf.variable(tf.scalar(Math.sqrt(0.7)));
    const { grads } = tf.variableGrads(() => loss(tf.square(root), push));
    expect(Object.values(grads)[0]!.dataSync()[0]).toBeCloseTo(
      2 * Math.sqrt(0.7) * found[0]!.dataSync()[0]!,
      4,
    );
  });

  it('leave nothing behind where f throws', () => {
    const y0 = tf.tensor1d([1, 2]);
    const before = tf.memory().numTensors;
    const failing = (): never => {
      throw new Error('no slope');
    };
    expect(() => solve(failing, y0, TIMES, { ...options, engine, args: { k: 1 } })).toThrow('no slope');
    expect(() => odeint(failing, y0, TIMES, { ...options, engine, args: [1, 2] })).toThrow('no slope');
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are looked at before the solve', () => {
    const y0 = tf.tensor1d([1, 2]);
    const gone = tf.scalar(1);
    gone.dispose();
    const ignore = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => y;
    expect(() => odeint(ignore, y0, TIMES, { ...options, engine, args: { deep: [gone] } as never })).toThrow(
      'args.deep[0] was disposed before',
    );
    expect(() =>
      odeint(ignore, y0, TIMES, { ...options, engine, args: [Promise.resolve(1)] as never }),
    ).toThrow('args[0] is a Promise; await it first');
  });
});

describe.each(['onnx', 'wasm'])('args in doubles on engine %s', (engine) => {
  it('keep all their digits, and so do their gradients', () => {
    const run = (drag: number): readonly [number, Float64Tensor, Float64Tensor] => {
      const solution = solve(f as never, Float64Array.of(1, 2), TIMES, {
        ...options,
        engine,
        args: { drag, pushes: [Float64Array.of(0.3, 0.4)] as const },
      });
      const { args } = solution.pullback({ shape: [3, 2], data: Float64Array.of(0, 0, 0, 0, 1, 1) });
      const sum = solution.ys.data[4]! + solution.ys.data[5]!;
      solution.dispose();
      return [sum, args.drag, args.pushes[0]];
    };
    const [, drag, push] = run(0.7);
    const step = 1e-4;
    const difference =
      (8 * (run(0.7 + step)[0] - run(0.7 - step)[0]) - (run(0.7 + 2 * step)[0] - run(0.7 - 2 * step)[0])) /
      (12 * step);
    expect(Math.abs(drag.data[0]! - difference)).toBeLessThan(1e-11);
    expect(Math.abs(push.data[0]! - push.data[1]!)).toBeLessThan(1e-16);
    expect(push.shape).toEqual([2]);
  });
});
