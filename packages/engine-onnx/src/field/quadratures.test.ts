import { createLedger, rungeKutta, type GradientStrategy, type VectorField } from '@odegrad/core';
import type { FlatField } from '@odegrad/engine-tfjs';
import { backprop } from '@odegrad/grad-backprop';
import { binomial } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { dopri5, midpoint } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import type { OnnxArray } from '../runtime/runtime.ts';
import { onnxEngine } from '../onnx.ts';

const engine = onnxEngine({ threads: 1 });
let w: tf.Variable;
beforeAll(async () => {
  await tf.setBackend('cpu');
  w = tf.variable(tf.tensor2d([0.3, -0.2, 0.5, 0.7], [2, 2]));
});

const numbers = (arrays: readonly OnnxArray[]): number[] =>
  arrays.flatMap(({ data }) => Array.from(data, Number));

/** z, and the integrals of |z|² and of what that has become: f reads all but the last. */
const f: FlatField = (t, [z, energy]) => {
  const zw = tf.tanh(tf.matMul(z as tf.Tensor2D, w as unknown as tf.Tensor2D));
  return [tf.mul(zw, tf.cos(t)), tf.sum(tf.square(z!), 1), tf.mul(energy!, tf.sum(zw, 1))];
};

/** A field that goes stage by stage, and a state to start from. */
function opened(): { field: VectorField<OnnxArray>; start: OnnxArray[] } {
  const y0 = [tf.tensor2d([0.5, -0.4, 0.2, 0.9], [2, 2]), tf.tensor1d([0.7, -0.1]), tf.tensor1d([0.4, 0.6])];
  const { field, fromTensor } = engine.prepare({ f, key: f, t0: 0, y0, parameters: [w], dtype: 'float64' });
  const { compile, ...plain } = field;
  expect(compile).toBeDefined();
  return { field: plain, start: y0.map(fromTensor) };
}

test('the value of f is left out of a pullback, unless the time is pulled back too', () => {
  const { field, start } = opened();
  const alone = field.vjp!(0.3, start, start, false);
  const timed = field.vjp!(0.3, start, start, true);
  expect(alone).not.toHaveProperty('value');
  expect(numbers(timed.value!)).toEqual(numbers(field.evaluate(0.3, start)));
  expect(numbers([...alone.y, ...alone.parameters])).toEqual(numbers([...timed.y, ...timed.parameters]));
});

test('a field that neither reads y nor has parameters is pulled back to zeros', () => {
  const f: FlatField = (t, [y]) => [tf.mul(tf.onesLike(y!), t)];
  const y0 = [tf.tensor1d([0.5, -0.4])];
  const { field, fromTensor } = engine.prepare({ f, key: f, t0: 0, y0, parameters: [], dtype: 'float64' });
  const start = y0.map(fromTensor);
  for (const withTime of [false, true]) {
    const pulled = field.vjp!(0.3, start, start, withTime);
    expect(numbers(pulled.y)).toEqual([0, 0]);
    expect(pulled.t).toBeCloseTo(withTime ? 0.1 : 0, 6);
  }
});

describe('parts of y that f does not read', () => {
  test.each([symplectic, backprop])('may be all that depends on the others, with $name', (strategy) => {
    // y = 0.5 + t²/2 and q′ = y²; at stages without weight nothing is left to pull back.
    const drift: FlatField = (t, [y]) => [tf.mul(tf.onesLike(y!), t), tf.square(y!)];
    const y0 = [tf.tensor1d([0.5]), tf.tensor1d([0])];
    const request = { f: drift, key: drift, t0: 0, y0, parameters: [], dtype: 'float64' } as const;
    const { field, fromTensor } = engine.prepare(request);
    const { compile, ...stagewise } = field;
    expect(compile).toBeDefined();
    const start = y0.map(fromTensor);
    for (const of of [field, stagewise]) {
      const problem = { field: of, y0: start, ts: [0, 1] };
      const solution = strategy.solve(problem, { solver: rungeKutta(midpoint), stepping: { numSteps: 2 } });
      const seed = [
        field.engine.zeros(start[0]!),
        field.engine.combine(undefined, [{ coefficient: 2, value: start[0]! }]),
      ];
      const gradient = solution.pullback([undefined, seed]);
      // ∂q/∂y0 = 2 h Σ y at the midpoints, which the method has as 0.5 and 0.5 + 1/8 + 0.25 · 0.5 after a first step of 1/8.
      expect(numbers(gradient.y0)).toEqual([0.5 + 0.5 + 0.125 + 0.125, 1]);
      solution.release();
    }
  });

  test('are left out of slopes that only points for pullbacks are made of', () => {
    const { field, start } = opened();
    const [whole, read] = [field.evaluate(0.3, start), field.read!.evaluate(0.3, start)];
    expect(read.slice(0, 2).map((x) => numbers([x]))).toEqual(whole.slice(0, 2).map((x) => numbers([x])));
    expect(numbers([whole[2]!])).not.toContain(0);
    expect(numbers([read[2]!])).toEqual([0, 0]);
  });

  test.each([true, false])(
    'have no part in a pullback in which their cotangents are zero (time: %s)',
    (withTime) => {
      const { field, start } = opened();
      const cotangent = [start[0]!, start[1]!, field.engine.zeros(start[2]!)];
      const [whole, read] = [field, field.read!].map((of) => {
        const linearization = of.linearize(0.3, start);
        const { value, bytes } = linearization;
        const pulled = [
          linearization.pullback(cotangent, withTime),
          of.vjp!(0.3, start, cotangent, withTime),
        ];
        linearization.release();
        return { value, bytes, pulled };
      });
      expect(numbers(read!.value.slice(0, 2))).toEqual(numbers(whole!.value.slice(0, 2)));
      expect(read!.bytes).toBeLessThan(whole!.bytes);
      for (const [i, { t, y, parameters }] of whole!.pulled.entries()) {
        const expected = [t, ...numbers([...y, ...parameters])];
        const found = read!.pulled[i]!;
        [found.t, ...numbers([...found.y, ...found.parameters])].forEach((x, k) => {
          expect(Math.abs(x - expected[k]!)).toBeLessThan(1e-14);
        });
      }
    },
  );

  test.each([
    ['symplectic', symplectic],
    ['binomial', binomial({ checkpoints: 2 })],
  ] as const)('may be anything there, and %s gives the same gradient', (_, strategy) => {
    const { field, start } = opened();
    const { read, ...without } = field;
    const spoilt: typeof field = {
      ...without,
      read: {
        ...read!,
        evaluate(t, y) {
          const slopes = read!.evaluate(t, y);
          slopes[2]!.data.fill(NaN as never);
          return slopes;
        },
      },
    };
    const gradient = (of: typeof field, by: GradientStrategy): number[] => {
      const method = { solver: rungeKutta(dopri5), stepping: { numSteps: 3 }, ledger: createLedger() };
      const solution = by.solve({ field: of, y0: start, ts: [0, 0.7, 1] }, method);
      const { y0, parameters } = solution.pullback(solution.ys.map((state) => state));
      solution.release();
      return numbers([...y0, ...parameters]);
    };
    const expected = gradient(field, strategy);
    expect(gradient(spoilt, strategy)).toEqual(expected);
    for (const other of [
      gradient(without, strategy),
      gradient(without, backprop),
      gradient(field, backprop),
    ]) {
      other.forEach((x, i) => {
        expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-13);
      });
    }
  });

  test('are none where f reads all', () => {
    const y0 = [tf.tensor2d([0.5, -0.4], [1, 2])];
    const all: FlatField = (_, [z]) => [tf.sin(z!)];
    const { field, fromTensor } = engine.prepare({
      f: all,
      key: all,
      t0: 0,
      y0,
      parameters: [],
      dtype: 'float64',
    });
    const start = y0.map(fromTensor);
    expect(numbers(field.read!.evaluate(0, start))).toEqual(numbers(field.evaluate(0, start)));
  });

  test('may be all of them: the gradient then is that of the parameters and of time', () => {
    const y0 = [tf.tensor2d([0.5, -0.25], [1, 2])];
    const none: FlatField = (t) => [tf.mul(tf.slice(w as unknown as tf.Tensor2D, [0, 0], [1, 2]), tf.cos(t))];
    const request = { f: none, key: none, t0: 0, y0, parameters: [w], dtype: 'float64' } as const;
    const { field, fromTensor } = engine.prepare(request);
    const problem = { field, y0: y0.map(fromTensor), ts: [0, 1.2], timeGradients: true };
    const solution = symplectic.solve(problem, { solver: rungeKutta(dopri5), stepping: { numSteps: 12 } });
    const gradient = solution.pullback([undefined, problem.y0]);
    // ∂/∂w of ⟨y0, y(1.2)⟩ is y0 sin 1.2, in w's first row; ∂/∂t1 is ⟨y0, w⟩ cos 1.2.
    const wanted = [0.5, -0.25].map((x) => x * Math.sin(1.2));
    numbers(gradient.parameters).forEach((x, i) => {
      expect(Math.abs(x - (wanted[i] ?? 0))).toBeLessThan(1e-9);
    });
    expect(numbers(gradient.y0)).toEqual(numbers(problem.y0));
    expect(Math.abs(gradient.ts[1]! - (0.5 * 0.3 + 0.25 * 0.2) * Math.cos(1.2))).toBeLessThan(1e-7);
    solution.release();
  });
});
