import { createRegistry } from '@odegrad/core';
import { odeint, solve } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry()
  .use(tableaux)
  .use(adjoint)
  .use(backprop)
  .use(checkpoint)
  .use(symplectic)
  .use(onnx())
  .use(wasm());

beforeAll(() => tf.setBackend('cpu'));

/** A control that is 1, −1, 2 and 0 on the four quarters of [0, 1]. */
const control = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
  const k = tf.floor(tf.mul(t, 4));
  const pieces = [1, -1, 2, 0].map((v, i) => tf.mul(v, tf.cast(tf.equal(k, i), 'float32')));
  return tf.add(tf.zerosLike(y), tf.addN(pieces));
};
const quarters = [0.25, 0.5, 0.75];

describe.each(['tfjs', 'replay', 'onnx', 'wasm'])('jumpAt on engine %s', (engine) => {
  it('is right to the last bit where f jumps on the grid, with steps of every kind and down in time', () => {
    const y0 = tf.tensor1d([0]);
    for (const options of [
      { solver: 'midpoint', numSteps: 1 },
      { solver: 'rk4', numSteps: 1 },
      { solver: 'dopri5' },
    ]) {
      const ys = odeint(control, y0, [0, 0.25, 0.5, 0.75, 1], {
        registry,
        engine,
        ...options,
        jumpAt: quarters,
      });
      const wanted = [0, 0.25, 0, 0.5, 0.5];
      // Weights such as 1/6 sum to 1 up to rounding; those of midpoint do so exactly.
      const worst = Math.max(...[...ys.dataSync()].map((x, i) => Math.abs(x - wanted[i]!)));
      expect(worst).toBeLessThanOrEqual(options.solver === 'midpoint' ? 0 : 2 ** -24);
      const back = odeint(control, tf.tensor1d([0.5]), [1, 0.5, 0], {
        registry,
        engine,
        ...options,
        jumpAt: quarters,
      });
      expect(back.dataSync()[1]).toBeCloseTo(0, 6);
      expect(back.dataSync()[2]).toBeCloseTo(0, 6);
    }
  });

  it('is as right where the state at a jump is not asked for', () => {
    for (const options of [
      { solver: 'rk4', numSteps: 3 },
      { solver: 'dopri5', rtol: 1e-3 },
    ]) {
      const jumpAt = [...quarters, 7];
      const ys = odeint(control, tf.tensor1d([0]), [0, 1], { registry, engine, ...options, jumpAt });
      expect(ys.dataSync()[1]).toBeCloseTo(0.5, 6);
    }
  });
});

/** dy/dt = −0.3 y + 1 before the jump and −0.3 y + 2 t after it, from 0.5 at 0, at 1. */
const closed = (tau: number): number => {
  const at = 10 / 3 + (0.5 - 10 / 3) * Math.exp(-0.3 * tau);
  const particular = (t: number): number => (2 * t) / 0.3 - 2 / 0.09;
  return particular(1) + (at - particular(tau)) * Math.exp(-0.3 * (1 - tau));
};

const strategies = [
  'backprop',
  'symplectic',
  'recompute',
  'stages',
  'checkpoint',
  'binomial',
  'online',
  'auto',
  'resolve',
];

describe.each(strategies)('the gradient of the time of a jump by %s', (gradient) => {
  it.each([
    { solver: 'dopri5', rtol: 1e-10, atol: 1e-10 },
    { solver: 'rk4', numSteps: 60 },
  ])('is that of the closed form in doubles, %o', (options) => {
    const edge = 0.40625;
    const tau = tf.tensor1d([edge]);
    const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
      const late = tf.cast(tf.greater(t, edge), 'float32');
      return tf.add(tf.mul(-0.3, y), tf.add(tf.mul(late, tf.mul(2, t)), tf.sub(1, late)));
    };
    for (const ts of [
      [0, 1],
      [0, 0.2, 0.45, 1],
    ]) {
      const budget = gradient === 'auto' ? { maxBytes: 1e6 } : {};
      const common = { registry, engine: 'onnx', gradient, jumpAt: tau, ...budget };
      const solution = solve(f, Float64Array.of(0.5), ts, { ...common, ...options });
      const data = Float64Array.from(ts, (_, i) => (i === ts.length - 1 ? 1 : 0));
      expect(solution.ys.data.at(-1)).toBeCloseTo(closed(edge), 8);
      const { jumpAt } = solution.pullback({ shape: [ts.length, 1], data });
      const difference = (closed(edge + 1e-5) - closed(edge - 1e-5)) / 2e-5;
      expect(jumpAt!.data[0]).toBeCloseTo(difference, 8);
      solution.dispose();
    }
    tau.dispose();
  });
});

describe.each(['onnx', 'wasm'])(
  'states read off the steps on both sides of a jump, on engine %s',
  (engine) => {
    /** What is wanted of the solution: a state in the step before the jump, one in the step after it, and the last. */
    const ts = [0, 0.38, 0.45, 1];
    const weights = Float64Array.of(0, 0.7, -1.3, 0.4);
    interface Args {
      readonly drag: tf.Scalar;
      readonly edge: tf.Scalar;
    }
    const f = (t: tf.Scalar, y: tf.Tensor, { drag, edge }: Args): tf.Tensor => {
      const late = tf.cast(tf.greater(t, edge), 'float32');
      const push = tf.add(tf.mul(late, tf.mul(2, t)), tf.sub(1, late));
      return tf.add(tf.mul(tf.neg(drag), tf.square(y)), tf.mul(push, tf.cos(y)));
    };

    it.each(['symplectic', 'backprop', 'recompute', 'stages', 'checkpoint'])(
      'have the gradients of the discrete solution by %s',
      (gradient) => {
        for (const solver of ['rk4', 'dopri5']) {
          const common = { registry, engine, gradient, solver, numSteps: 4, outputs: 'interpolate' } as const;
          const loss = (start: number, drag: number, edge: number): number => {
            const options = { ...common, args: { drag, edge }, jumpAt: [edge] };
            const solution = solve(f, Float64Array.of(start), ts, options);
            const sum = solution.ys.data.reduce((all, y, i) => all + weights[i]! * y, 0);
            solution.dispose();
            return sum;
          };
          const point = [0.5, 0.3, 0.40625] as const;
          const jumpAt = tf.tensor1d([point[2]]);
          const options = { ...common, args: { drag: point[1], edge: point[2] }, jumpAt };
          const solution = solve(f, Float64Array.of(point[0]), ts, options);
          const pulled = solution.pullback({ shape: [ts.length, 1], data: weights });
          const found = [pulled.y0, pulled.args.drag, pulled.jumpAt!].map(({ data }) => data[0]!);
          const h = 1e-3;
          found.forEach((derivative, i) => {
            const at = (steps: number): number => {
              const [start, drag, edge] = point.map((x, k) => (k === i ? x + steps * h : x)) as [
                number,
                number,
                number,
              ];
              return loss(start, drag, edge);
            };
            // Of sixth order.
            const difference = (45 * (at(1) - at(-1)) - 9 * (at(2) - at(-2)) + (at(3) - at(-3))) / (60 * h);
            expect(Math.abs(derivative - difference)).toBeLessThan(1e-10);
          });
          solution.dispose();
          jumpAt.dispose();
        }
      },
    );
  },
);

it('is on the tape', () => {
  const loss = (tau: tf.Tensor): tf.Tensor =>
    tf.sum(odeint(control, tf.tensor1d([0]), [0, 1], { registry, jumpAt: tau as tf.Tensor1D }));
  // What f was before the jump, less what it is after: 1 − −1, −1 − 2, 2 − 0.
  const [a, b, c] = tf.grad(loss)(tf.tensor1d(quarters)).dataSync();
  expect(a).toBeCloseTo(2, 4);
  expect(b).toBeCloseTo(-3, 4);
  expect(c).toBeCloseTo(2, 4);
});

it('refuses jumps that have no derivative of their own', () => {
  const at = (jumpAt: number[], gradient: string) => () => {
    const method = { registry, gradient, numSteps: 2, solver: 'rk4' };
    return solve(control, tf.tensor1d([0]), [0, 0.5, 1], { ...method, jumpAt: tf.tensor1d(jumpAt) });
  };
  expect(at([0.5], 'symplectic')).toThrow(/no derivative of its own/);
  expect(at([0.25], 'adjoint')).toThrow(/gives none with respect to jumps/);
  expect(() => odeint(control, tf.tensor1d([0]), [0, 1], { registry, stepTo: [NaN] })).toThrow(/finite/);
});

it('serves the continuous adjoint too', () => {
  const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(control(t, y), y);
  for (const gradient of ['adjoint', 'symplectic']) {
    const options = { registry, gradient, solver: 'rk4', numSteps: 20, jumpAt: quarters };
    const last = (y: tf.Tensor): tf.Tensor => tf.sum(tf.slice(odeint(f, y, [0, 1], options), [1, 0], [1, 1]));
    expect(
      tf
        .grad(last)(tf.tensor1d([1]))
        .dataSync()[0],
    ).toBeCloseTo(Math.exp(0.5), 4);
  }
});

it('ends steps where they are told to', () => {
  const ends: number[] = [];
  const onStep = ({ t }: { t: number }): number => ends.push(t);
  odeint(control, tf.tensor1d([0]), [0, 1], { registry, onStep, solver: 'rk4', numSteps: 2, stepTo: [0.3] });
  expect(ends).toEqual([0.3, expect.closeTo(0.65, 15), 1]);
});
