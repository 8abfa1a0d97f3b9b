import {
  createLedger,
  pi,
  rungeKutta,
  stageTime,
  type ButcherTableau,
  type GradientStrategy,
  type StepKernel,
  type VectorField,
} from '@odegrad/core';
import type { FlatField } from '@odegrad/engine-tfjs';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import { bosh3, dopri5, dopri8, euler, fehlberg45, heun2, rk4 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import type { FloatData } from '@odegrad/trace';
import type { OnnxArray } from '../runtime/runtime.ts';
import { onnxEngine } from '../onnx.ts';

let w: tf.Variable;
let b: tf.Variable;
beforeAll(async () => {
  await tf.setBackend('cpu');
  w = tf.variable(tf.tensor2d([0.3, -0.2, 0.5, 0.7], [2, 2]));
  b = tf.variable(tf.tensor1d([0.1, -0.3]));
});

/** Depends on t, on parts of three ranks, and on one of them not at all. */
const f: FlatField = (t, [y, z, s]) => [
  tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, w as unknown as tf.Tensor2D), tf.mul(b, tf.cos(t)))),
  tf.mul(tf.sin(z!), s!),
  tf.neg(tf.mean(tf.mul(y!, z!))),
];

interface Outcome {
  readonly numbers: readonly number[];
  readonly ledger: ReturnType<typeof createLedger>;
}

function solve(
  field: VectorField<OnnxArray>,
  y0: readonly OnnxArray[],
  strategy: GradientStrategy,
  tableau: ButcherTableau,
): Outcome {
  const ledger = createLedger();
  const solution = strategy.solve(
    { field, y0, ts: [0, 0.7, 1] },
    { solver: rungeKutta(tableau), stepping: { numSteps: 3 }, ledger },
  );
  const gradient = solution.pullback(solution.ys.map((state) => state));
  const numbers = [...solution.ys.flat(), ...gradient.y0, ...gradient.parameters].flatMap((x) =>
    Array.from(x.data as FloatData),
  );
  solution.release();
  return { numbers, ledger };
}

describe('a fused step', () => {
  const engine = onnxEngine();
  const strategies: readonly [string, GradientStrategy][] = [
    ['symplectic', symplectic],
    ['backprop', backprop],
  ];
  const tableaus: readonly ButcherTableau[] = [euler, heun2, rk4, dopri5, dopri8];

  /** f in doubles, and a state to start from. */
  const opened = (): { field: VectorField<OnnxArray>; start: OnnxArray[] } => {
    const y0 = [tf.tensor2d([0.5, -0.4, 0.2, 0.9], [2, 2]), tf.tensor1d([0.7, -0.1]), tf.scalar(0.6)];
    const request = { f, key: f, t0: 0, y0, parameters: [w, b], dtype: 'float64' } as const;
    const { field, fromTensor } = engine.prepare(request);
    return { field, start: y0.map(fromTensor) };
  };

  test.each(
    strategies.flatMap(([name, strategy]) =>
      tableaus.map((tableau) => [name, tableau.name, strategy, tableau] as const),
    ),
  )('%s with %s gives what stages one by one give', (_, __, strategy, tableau) => {
    const { field, start } = opened();
    const { compile, ...plain } = field;
    expect(compile?.(rungeKutta(tableau))).toBeDefined();
    const whole = solve(field, start, strategy, tableau);
    const staged = solve(plain, start, strategy, tableau);
    for (const [i, x] of whole.numbers.entries())
      expect(Math.abs(x - staged.numbers[i]!)).toBeLessThan(1e-13);
    expect(whole.ledger.evaluationsForward).toBe(staged.ledger.evaluationsForward);
    expect(whole.ledger.pullbacks).toBe(staged.ledger.pullbacks);
    expect(whole.ledger.activationBytes).toBe(0);
  });

  const large: FlatField = (_, [y]) => [tf.tanh(tf.matMul(y as tf.Tensor2D, y as tf.Tensor2D))];
  const kernel = (size: number, tableau = rk4): StepKernel<OnnxArray> | undefined => {
    const y0 = [tf.zeros([size, size])];
    const { field } = engine.prepare({ f: large, key: large, t0: 0, y0, parameters: [], dtype: 'float32' });
    return field.compile?.(rungeKutta(tableau));
  };

  test('holds the activations of all stages at once up to 4 MiB', () => {
    // One evaluation keeps one array: 4 size² bytes.
    expect(kernel(320)?.alive).toBe('step');
    expect(kernel(320, dopri8)?.alive).toBe('stage');
    expect(kernel(600)?.alive).toBe('stage');
    expect(kernel(1024)).toBeUndefined();
  });

  const square = (y: tf.Tensor): tf.Tensor => tf.matMul(tf.tanh(y), y);
  test.each<[string, FlatField, number]>([
    // The first stage state is the point itself.
    ['of three stages', (_, [y]) => [square(y!)], 3],
    // Here the slopes are kept as the outputs of tanh, and the states follow from them.
    ['that are sums of activations, none,', large, 0],
  ])('counts activations apart from the states %s', (_title, f, states) => {
    const y0 = [tf.zeros([16, 16])];
    const { field, fromTensor } = engine.prepare({
      f,
      key: f,
      t0: 0,
      y0,
      parameters: [],
      dtype: 'float32',
    });
    const start = y0.map(fromTensor);
    const step = field.compile!(rungeKutta(rk4))!.advance([{ t0: 0, t1: 1 }], start, 'activations');
    const [one, whole] = [field.linearize(0, start), step.linearization!];
    expect(one.bytes).toBe(16 * 16 * 4);
    expect(whole.bytes).toBe(4 * one.bytes);
    expect(whole.stateBytes).toBe(states * 16 * 16 * 4);
    one.release();
    whole.release();
  });

  const constant: FlatField = (_, [y]) => [tf.fill(y!.shape, 0.25)];
  const zero: FlatField = (_, [y]) => [tf.zerosLike(y!)];
  const linear: FlatField = (_, [y]) => [tf.matMul(y as tf.Tensor2D, w)];
  const clock: FlatField = (t, [y]) => [tf.mul(tf.ones(y!.shape), tf.sin(t))];

  test.each([
    ['a constant', constant],
    ['nothing', zero],
    ['linear', linear],
    ['of time alone', clock],
  ])('several in one call, where f is %s, give what single ones give', (_, g) => {
    const y0 = [tf.tensor2d([0.5, -0.4, 0.2, 0.9], [2, 2])];
    const { field, fromTensor } = engine.prepare({
      f: g,
      key: g,
      t0: 0,
      y0,
      parameters: g === linear ? [w] : [],
      dtype: 'float64',
    });
    const start = y0.map(fromTensor);
    const single: VectorField<OnnxArray> = {
      ...field,
      compile: (solver) => ({ ...field.compile!(solver)!, longest: 1 }),
    };
    expect(field.compile!(rungeKutta(rk4))!.longest).toBeGreaterThan(3);
    const [many, one] = [field, single].map((each) => solve(each, start, symplectic, rk4));
    for (const [i, x] of many!.numbers.entries()) expect(Math.abs(x - one!.numbers[i]!)).toBeLessThan(1e-15);
    const { bytesPeak, ...counts } = many!.ledger;
    const { bytesPeak: least, ...expected } = one!.ledger;
    expect(counts).toEqual(expected);
    expect(bytesPeak - least).toBeLessThanOrEqual(3 * 32);
  });

  test.each([dopri5, bosh3, fehlberg45])('attempts steps of $name with their error', (tableau) => {
    const { field, start } = opened();
    const solver = rungeKutta(tableau);
    const span = { t0: 0.2, t1: 0.5 };
    const first = { t: 0.2, y: start, slope: field.evaluate(0.2, start) };
    const staged = solver.step(
      {
        engine: field.engine,
        at(_, node, y) {
          const t = stageTime(span, node);
          return { t, y, slope: field.evaluate(t, y) };
        },
      },
      span,
      start,
      { first, error: true },
    );
    const whole = field.compile!(solver)!.attempt!(span, start, first.slope);
    const numbers = (state: readonly OnnxArray[] | undefined): number[] =>
      (state ?? []).flatMap((x) => Array.from(x.data as FloatData));
    for (const [found, expected] of [
      [whole.y, staged.y],
      [whole.error, staged.error],
      [whole.last, staged.last?.slope],
    ]) {
      const wanted = numbers(expected);
      expect(numbers(found)).toHaveLength(wanted.length);
      numbers(found).forEach((x, i) => {
        expect(Math.abs(x - wanted[i]!)).toBeLessThan(1e-15);
      });
    }
    expect(numbers(whole.error).some((x) => Math.abs(x) > 1e-9)).toBe(true);
  });

  test.each([dopri5, bosh3, fehlberg45])(
    'in float32, adaptive steps of $name are the same whatever the strategy keeps',
    (tableau) => {
      const y0 = [tf.tensor2d([0.5, -0.4, 0.2, 0.9], [2, 2]), tf.tensor1d([0.7, -0.1]), tf.scalar(0.6)];
      const request = { f, key: f, t0: 0, y0, parameters: [w, b], dtype: 'float32' } as const;
      const { field, fromTensor } = engine.prepare(request);
      const start = y0.map(fromTensor);
      const steps = (strategy: GradientStrategy, of: VectorField<OnnxArray>): readonly number[] => {
        const sizes: number[] = [];
        const stepping = { rtol: 1e-5, atol: 1e-6, controller: pi };
        const solver = rungeKutta(tableau);
        const onStep = ({ h }: { h: number }): void => void sizes.push(h);
        strategy.solve({ field: of, y0: start, ts: [0, 3] }, { solver, stepping, onStep }).release();
        return sizes;
      };
      const { compile, ...plain } = field;
      expect(compile?.(rungeKutta(tableau))?.attempt).toBeDefined();
      expect(steps(backprop, field).length).toBeGreaterThan(3);
      expect(steps(symplectic, field)).toEqual(steps(backprop, field));
      expect(steps(symplectic, field)).toEqual(steps(symplectic, plain));
    },
  );
});
