import { createRegistry } from '@odegrad/core';
import { solve, tfjsEngine, type OdeOptions } from '@odegrad/engine-tfjs';
import { replayEngine } from '@odegrad/engine-replay';
import { wasm } from '@odegrad/engine-wasm';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { noiseVector } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry()
  .use(tableaux)
  .use(onnx())
  .use(wasm())
  .use({ name: 'others', engines: [tfjsEngine, replayEngine] });
const byStages = createRegistry()
  .use(tableaux)
  .use(onnx({ fuse: false }));
let weights: tf.Variable;
const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
  tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, weights as tf.Tensor2D), tf.sin(tf.mul(t, 2))));
const rows = [
  [0, 0.2, 0.9, 1.5],
  [0.31, 0.31, 0.6, 1.2],
  [0.1, 1, 1, 1],
];
const start = Float64Array.from(noiseVector(4, 6));
const methods: Record<string, OdeOptions> = {
  adaptive: { rtol: 1e-5, atol: 1e-7 },
  constant: { solver: 'rk4', numSteps: 7 },
};

/** What is asked of a solve: options, the times, and whether they are read of a dense solution. */
const asked = {
  'the end': { ts: [0, 1.5], more: { saveAt: 'end' } },
  'every step': { ts: [0, 1.5], more: { saveAt: 'steps' } },
  'a dense solution': { ts: [0, 1.5], more: { dense: true } },
  'rows with times of their own': { ts: rows, more: {} },
} as const satisfies Record<string, { ts: number[] | number[][]; more: OdeOptions }>;

beforeAll(async () => {
  await tf.setBackend('cpu');
  weights = tf.variable(tf.tensor2d([0.3, -0.7, 0.9, 0.2], [2, 2]));
});

const squared = (data: ArrayLike<number>): Float64Array => Float64Array.from(data, (x) => 2 * x);

/** The states, and the gradient of the sum of their squares, in doubles. */
function inDoubles({ ts, more }: (typeof asked)[keyof typeof asked], options: OdeOptions): number[] {
  const state = { shape: [3, 2], data: start };
  const solution = solve(f, state, ts, { registry, ...options, ...more });
  const isDense = 'dense' in more;
  const times = [0, 0.4, 1.1, 1.5];
  const { shape, data } = isDense ? solution.at(times) : solution.ys;
  const cotangent = { shape, data: squared(data) };
  const gradient = isDense
    ? solution.pullback(undefined, [{ t: times, cotangent }])
    : solution.pullback(cotangent);
  solution.dispose();
  const [w] = Object.values(gradient.parameters) as unknown as [{ data: Float64Array }];
  return [...data, ...gradient.y0.data, ...w.data];
}

/** The same in float32. */
function inSingles({ ts, more }: (typeof asked)[keyof typeof asked], options: OdeOptions): number[] {
  const before = tf.memory().numTensors;
  const numbers = tf.tidy(() => {
    const state = tf.tensor2d(Float32Array.from(start), [3, 2]);
    const solution = solve(f, state, ts, { registry, ...options, ...more });
    const isDense = 'dense' in more;
    const times = [0, 0.4, 1.1, 1.5];
    const read = isDense ? solution.at(times) : solution.ys;
    const cotangent = tf.mul(read, 2);
    const gradient = isDense
      ? solution.pullback(undefined, [{ t: times, cotangent }])
      : solution.pullback(cotangent);
    const all = [read, gradient.y0, ...Object.values(gradient.parameters)].flatMap((x) => [...x.dataSync()]);
    solution.dispose();
    return all;
  });
  expect(tf.memory().numTensors).toBe(before);
  return numbers;
}

function expectClose(actual: readonly number[], expected: readonly number[], within: number): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((x, i) => expect(Math.abs(x - expected[i]!)).toBeLessThan(within));
}

describe.each(Object.entries(asked))('%s', (_, what) => {
  it.each(Object.entries(methods))('is the same by every engine, with %s steps', (_name, method) => {
    for (const gradient of [symplectic, backprop]) {
      const options: OdeOptions = { ...method, gradient };
      const expected = inDoubles(what, { ...options, engine: 'onnx', registry: byStages });
      const isConstant = method.numSteps !== undefined;
      // Sizes go by error estimates, which are small differences: where rounding differs they do, and with them the ends of steps.
      for (const engine of ['onnx', 'wasm'])
        expectClose(inDoubles(what, { ...options, engine }), expected, isConstant ? 1e-12 : 1e-8);
      // Steps chosen in float32 are others, to the tolerance, and may be more.
      if (what === asked['every step'] && !isConstant) continue;
      for (const engine of ['tfjs', 'replay', 'onnx', 'wasm'])
        expectClose(inSingles(what, { ...options, engine }), expected, isConstant ? 2e-5 : 2e-3);
    }
  });
});
