import { createRegistry, rungeKutta, sequentialKernel, type Registry, type State } from '@odegrad/core';
import {
  solve,
  type FieldRequest,
  type FlatField,
  type Float64Tensor,
  type OdeOptions,
} from '@odegrad/engine-tfjs';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux, { rk4 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { FloatData } from '@odegrad/trace';
import type { OnnxArray } from '../runtime/runtime.ts';
import { workerPool } from './worker-pool.ts';
import { onnx, onnxEngine } from '../onnx.ts';

const ROWS = 7;
const COLUMNS = 3;
const registryWith = (blocks: number): Registry => {
  const registry = createRegistry();
  for (const plugin of [tableaux, adjoint, backprop, symplectic, checkpoint, onnx({ blocks })])
    registry.use(plugin);
  return registry;
};
const [whole, inBlocks] = [registryWith(1), registryWith(3)];

let w: tf.Variable;
let b: tf.Variable;
let noise: tf.Tensor2D;
let drawn: tf.Variable;
beforeAll(async () => {
  await tf.setBackend('cpu');
  w = tf.variable(tf.randomNormal([COLUMNS, COLUMNS], 0, 0.5, 'float32', 1), true, 'blocks-w');
  b = tf.variable(tf.randomNormal([COLUMNS], 0, 0.5, 'float32', 2), true, 'blocks-b');
  noise = tf.randomNormal([ROWS, COLUMNS], 0, 1, 'float32', 3);
  drawn = tf.variable(tf.randomNormal([ROWS, COLUMNS], 0, 1, 'float32', 4), false, 'blocks-drawn');
});
afterAll(() => {
  tf.dispose([w, b, noise, drawn]);
});

const weights = (): tf.Tensor2D => w as unknown as tf.Tensor2D;
const network = (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
  tf.add(
    tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, weights()), tf.mul(b, t))),
    tf.mul(drawn, tf.mul(noise, y)),
  );

const y0: Float64Tensor = {
  shape: [ROWS, COLUMNS],
  data: Float64Array.from({ length: ROWS * COLUMNS }, (_, i) => Math.sin(3 * i)),
};
const times = [0, 0.5, 1];
const cotangent = Float64Array.from({ length: times.length * ROWS * COLUMNS }, (_, i) => Math.cos(1.7 * i));

interface Found {
  readonly ys: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

function gradientsBy(registry: Registry, options: OdeOptions, ts: number[] | tf.Tensor1D = times): Found {
  const solution = solve(network, y0, ts, { engine: 'onnx', registry, ...options });
  const found = solution.pullback(cotangent);
  const ys = [...solution.ys.data];
  solution.dispose();
  const { ts: ofTimes, y0: ofState, parameters } = found;
  const data = [ofState, ...Object.values(parameters), ...(ofTimes ? [ofTimes] : [])];
  return { ys, gradients: data.map((x) => [...x.data]) };
}

function expectClose(found: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(found).toHaveLength(wanted.length);
  const scale = Math.max(...wanted.map(Math.abs));
  for (const [i, x] of found.entries()) expect(Math.abs(x - wanted[i]!) / scale).toBeLessThan(tolerance);
}

const methods: Readonly<Record<string, OdeOptions>> = {
  'fixed steps': { solver: 'rk4', numSteps: 4 },
  'adaptive steps': { solver: 'dopri5', rtol: 1e-6, atol: 1e-6 },
};
const strategies = ['symplectic', 'stages', 'checkpoint', 'recompute', 'backprop', 'resolve', 'adjoint'];
const cases = Object.entries(methods).flatMap(([name, options]) =>
  strategies.map((gradient) => [`${gradient}, ${name}`, { ...options, gradient }] as const),
);

describe('a batch in blocks of rows', () => {
  test.each(cases)('has the solution and gradients of the whole: %s', (_, options) => {
    const [found, wanted] = [gradientsBy(inBlocks, options), gradientsBy(whole, options)];
    expectClose(found.ys, wanted.ys, 1e-13);
    expect(found.gradients).toHaveLength(3);
    for (const [i, gradient] of wanted.gradients.entries()) expectClose(found.gradients[i]!, gradient, 1e-13);
  });

  test('has the gradient of the times', () => {
    const ts = tf.tensor1d(times);
    const options: OdeOptions = { ...methods['fixed steps'], gradient: 'symplectic' };
    const [found, wanted] = [gradientsBy(inBlocks, options, ts), gradientsBy(whole, options, ts)];
    ts.dispose();
    expect(found.gradients).toHaveLength(4);
    expectClose(found.gradients[3]!, wanted.gradients[3]!, 1e-13);
  });

  test('is kept whole where f mixes rows', () => {
    const centred = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.sub(tf.mean(y, 0), y);
    const by = (registry: Registry): number[] => {
      const solution = solve(centred, y0, [0, 1], { engine: 'onnx', registry, ...methods['fixed steps'] });
      const ys = [...solution.ys.data];
      solution.dispose();
      return ys;
    };
    expect(by(inBlocks)).toEqual(by(whole));
  });
});

describe('a field in blocks of rows', () => {
  const field: FlatField = (t, [y]) => [network(t, y!)];
  const prepare = (blocks: number) => {
    const y = tf.tensor2d(Float32Array.from(y0.data), [ROWS, COLUMNS]);
    const request: FieldRequest = {
      f: field,
      key: field,
      t0: 0,
      y0: [y],
      parameters: [w, b],
      dtype: 'float32',
    };
    const prepared = engines[blocks]!.prepare(request);
    const state = [prepared.fromTensor(y)];
    y.dispose();
    return { field: prepared.field, y: state };
  };
  const engines: Readonly<Record<number, ReturnType<typeof onnxEngine>>> = {
    1: onnxEngine({ blocks: 1 }),
    2: onnxEngine({ blocks: 2 }),
  };
  const values = (arrays: readonly OnnxArray[]): number[][] => arrays.map((x) => [...(x.data as FloatData)]);

  test('holds the activations of the whole, until they are released', () => {
    const [one, two] = [prepare(1), prepare(2)];
    const linearization = two.field.linearize(0.5, two.y);
    expect(linearization.bytes).toBe(one.field.linearize(0.5, one.y).bytes);
    linearization.release();
    linearization.release();
    expect(() => linearization.pullback(two.y, false)).toThrow(/was released/);
  });

  describe('several steps in one call', () => {
    const spans = [0, 0.25, 0.5, 0.75].map((t0) => ({ t0, t1: t0 + 0.25 }));
    const close = (found: State<OnnxArray>, wanted: State<OnnxArray>): void => {
      const [x, y] = [values(found), values(wanted)];
      for (const [i, entries] of y.entries()) expectClose(x[i]!, entries, 1e-5);
    };
    const stepsOf = (blocks: number) => {
      const { field: compiled, y } = prepare(blocks);
      return { compiled, y, step: compiled.compile!(rungeKutta(rk4))! };
    };
    const stagedKernel = ({ compile: _, ...field }: ReturnType<typeof prepare>['field']) =>
      sequentialKernel(field, rungeKutta(rk4));
    const wanted = () => {
      const { y, step } = stepsOf(1);
      const states: State<OnnxArray>[] = [y];
      for (const span of spans) states.push(step.advance([span], states.at(-1)!, 'states').states[0]!);
      let cotangent: State<OnnxArray> = y;
      let parameters: number[][] | undefined;
      for (let n = spans.length - 1; n >= 0; n--) {
        const pulled = step.adjoint([spans[n]!], [states[n]!], cotangent);
        cotangent = pulled.y;
        const before = parameters;
        parameters = values(pulled.parameters).map((x, i) =>
          x.map((entry, e) => entry + (before?.[i]![e] ?? 0)),
        );
      }
      return { states, cotangent, parameters: parameters! };
    };

    test('forward, and back by each of the ways, are those of the whole one by one', () => {
      const { states, cotangent, parameters } = wanted();
      const { compiled, y, step } = stepsOf(2);
      expect(step.longest).toBeGreaterThan(spans.length);
      step.advance(spans, y, 'states').states.forEach((state, n) => {
        close(state, states[n + 1]!);
      });
      const { states: ends, linearization } = step.advance(spans, y, 'activations');
      ends.forEach((state, n) => {
        close(state, states[n + 1]!);
      });
      const starts = states.slice(0, -1);
      const last = spans.map((_, n) => (n === spans.length - 1 ? y : undefined));
      const ways = [
        linearization!.pullback(last),
        linearization!.pullback(last),
        step.adjoint(spans, starts, y),
        stagedKernel(compiled).adjoint(spans, starts, y),
      ];
      for (const pulled of ways) {
        close(pulled.y, cotangent);
        values(pulled.parameters).forEach((x, i) => {
          expectClose(x, parameters[i]!, 1e-5);
        });
      }
      linearization!.release();
      linearization!.release();
      expect(() => linearization!.pullback(last)).toThrow(/was released/);
      expect(values([compiled.evaluate(0, y)[0]!])[0]).toHaveLength(ROWS * COLUMNS);
    });

    test('back from the ends of some of them is back from each', () => {
      const { y, step } = stepsOf(2);
      const { linearization } = step.advance(spans, y, 'activations');
      const [both, one, other] = [[y, undefined, y], [y], [undefined, undefined, y]].map((ends) =>
        linearization!.pullback(ends),
      );
      const sum = (found: State<OnnxArray>, more: State<OnnxArray>): number[][] =>
        values(found).map((x, i) => x.map((entry, e) => entry + values(more)[i]![e]!));
      for (const part of ['y', 'parameters'] as const) {
        const wanted = sum(one![part], other![part]);
        values(both![part]).forEach((x, i) => {
          expectClose(x, wanted[i]!, 1e-5);
        });
      }
      linearization!.release();
    });

    test('hold the activations of a step, or of a stage, and the states that they start from', () => {
      const { y, step } = stepsOf(2);
      const { compiled, step: whole } = stepsOf(1);
      const starts = spans.map(() => y);
      const one = compiled.linearize(0.5, y);
      expect(stagedKernel(compiled).adjoint(spans, starts, y).bytes).toBe(one.bytes);
      const all = step.adjoint(spans, starts, y);
      expect(all.bytes).toBe(whole.adjoint([spans[0]!], [y], y).bytes);
      expect(all.stateBytes).toBe(spans.length * y[0]!.kind.bytes);
      one.release();
    });
  });

  test('keeps the variables of a linearization when another solve has others', () => {
    const first = prepare(2);
    const linearization = first.field.linearize(0.5, first.y);
    const before = values(linearization.pullback(first.y, false).y);
    const old = tf.clone(w);
    w.assign(tf.mul(w, 2));
    const second = prepare(2);
    const moved = values(second.field.evaluate(0.5, second.y));
    expect(moved).not.toEqual(values(linearization.value));
    expect(values(linearization.pullback(first.y, false).y)).toEqual(before);
    // By turns, each with its own.
    expect(values(first.field.evaluate(0.5, first.y))).toEqual(values(linearization.value));
    expect(values(second.field.evaluate(0.5, second.y))).toEqual(moved);
    linearization.release();
    w.assign(old);
    old.dispose();
  });

  test('passes on what goes wrong in a thread, which serves on', () => {
    const [hand] = workerPool(1);
    const call = {
      operation: 'evaluate',
      times: [0],
      read: false,
      withTime: false,
      handle: 0,
      ends: [],
    } as const;
    hand!.ask(-1, { ...call, tableau: undefined }, 1);
    expect(() => hand!.answer()).toThrow(/undefined/);
    const { field: compiled, y } = prepare(2);
    expect(values(compiled.evaluate(0, y))[0]).toHaveLength(ROWS * COLUMNS);
  });

  test.each([0, 1.5, -1])('is not made of %d blocks', (blocks) => {
    expect(() => onnxEngine({ blocks })).toThrow(/blocks.*a positive integer/);
  });
});
