import { combineStates, createLedger, createRegistry, sizeOf, type Solver, type State } from '@odegrad/core';
import { solve } from '@odegrad/engine-tfjs';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import { halfway } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { onnx } from '../onnx.ts';

/** The midpoint method, which multiplies by the step size itself. */
const own: Solver = {
  ...halfway,
  name: 'own',
  step(evaluator, span, y) {
    const h = sizeOf(span);
    const along = (slope: State<(typeof y)[number]>, by: number) =>
      combineStates(evaluator.engine, y, [{ coefficient: h * by, value: slope }]);
    const start = evaluator.at(span, 0, y);
    const middle = evaluator.at(span, 1 / 2, along(start.slope!, 1 / 2));
    return { y: along(middle.slope!, 1), stages: [start, middle] };
  },
};

let weights: tf.Variable;
const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
  tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, weights as tf.Tensor2D), tf.sin(tf.mul(t, 2))));

beforeAll(async () => {
  await tf.setBackend('cpu');
  weights = tf.variable(tf.tensor2d([0.3, -0.7, 0.9, 0.2], [2, 2]));
});

function tried(solver: Solver, gradient: typeof symplectic, fuse: boolean) {
  const registry = createRegistry().use(onnx({ fuse }));
  const ledger = createLedger();
  const state = { shape: [1, 2], data: Float64Array.of(0.4, -0.2) };
  const options = { registry, engine: 'onnx', solver, gradient, numSteps: 5, ledger };
  const solution = solve(f, state, [0, 0.7, 1.5], options);
  const { y0, parameters } = solution.pullback({ shape: [3, 1, 2], data: Float64Array.of(1, 2, 3, 4, 5, 6) });
  const [w] = Object.values(parameters) as unknown as [{ data: Float64Array }];
  const numbers = [...solution.ys.data, ...y0.data, ...w.data];
  solution.dispose();
  return { numbers, evaluations: ledger.evaluationsBackward };
}

describe.each([symplectic, backprop])('a solver without a tableau, $name', (gradient) => {
  it('is compiled into whole steps, to the same numbers', () => {
    const [whole, byStages] = [tried(halfway, gradient, true), tried(halfway, gradient, false)];
    whole.numbers.forEach((x, i) => expect(Math.abs(x - byStages.numbers[i]!)).toBeLessThan(1e-14));
    // One evaluation of each stage where a step is pulled back in one call, and 2s − 1 stage by stage.
    if (gradient === symplectic) expect([whole.evaluations, byStages.evaluations]).toEqual([20, 30]);
  });

  it('says so where it looks at the step size while it is written down', () => {
    expect(() => tried(own, gradient, true)).toThrow(/no size/);
    const { traceable: _, ...plain } = own;
    const [unmarked, expected] = [tried(plain, gradient, true), tried(halfway, gradient, false)];
    unmarked.numbers.forEach((x, i) => expect(Math.abs(x - expected.numbers[i]!)).toBeLessThan(1e-14));
  });
});
