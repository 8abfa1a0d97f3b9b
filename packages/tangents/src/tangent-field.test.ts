import { createRegistry } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import tfjs, { odeint, type EngineName } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import { euler } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tangentField, type TangentArgs, type TangentField } from './index.ts';

const registry = createRegistry().use(tfjs).use(onnx()).use(wasm());
const w = tf.variable(tf.tensor2d([0.3, -0.8, 0.5, 1.1], [2, 2], 'float32'), true, 'tangent-field-w');
const y = [0.3, -0.2];
const v = [1, 0.5];
const dw = [
  [0.2, -0.1],
  [0.7, 0.4],
];

let before = 0;
beforeAll(async () => {
  await tf.setBackend('cpu');
  before = tf.memory().numTensors;
});
afterAll(() => {
  expect(tf.memory().numTensors).toBe(before);
  w.dispose();
});

/** One evaluation by an engine, in doubles: an Euler step from the state, less the state. */
function inDoubles(
  field: TangentField,
  state: readonly (readonly number[])[],
  args: object,
  engine: EngineName,
): number[] {
  const start = state.map((part) => Float64Array.from(part));
  const options = {
    registry,
    engine,
    solver: euler,
    numSteps: 1,
    saveAt: 'end',
    args: args as TangentArgs,
  } as const;
  const end = odeint(
    field as (t: tf.Scalar, y: tf.Tensor[], args: TangentArgs) => tf.Tensor[],
    start,
    [0.5, 1.5],
    options,
  );
  return end.flatMap(({ data }, i) => [...data].map((x, j) => x - state[i]![j]!));
}

const numbers = (xs: readonly tf.Tensor[]): number[] => xs.flatMap((x) => [...x.dataSync()]);
const closeTo = (xs: readonly number[], digits: number): unknown[] =>
  xs.map((x) => expect.closeTo(x, digits) as number);

// f = tanh(y W) a sin t, with a in args.
const f = (t: tf.Scalar, x: tf.Tensor, { a }: { a: tf.Tensor }): tf.Tensor =>
  tf.mul(tf.mul(tf.reshape(tf.tanh(tf.matMul(tf.reshape(x, [1, 2]), w)), [2]), a), tf.sin(t));
const a = [2, -1.5];
const da = [0.1, 0.9];

/** Its value and derivative at t, by hand, with the variable as it is stored. */
function byHand(t: number, along: { v: boolean; w: boolean; a: boolean }): number[] {
  const weights = w.arraySync();
  const of = (j: number, row: readonly number[], matrix: readonly (readonly number[])[]): number =>
    row.reduce((sum, x, i) => sum + x * matrix[i]![j]!, 0);
  const columns = [0, 1].map((j) => {
    const z = Math.tanh(of(j, y, weights));
    const dz = (along.v ? of(j, v, weights) : 0) + (along.w ? of(j, y, dw) : 0);
    return [z * a[j]!, (1 - z * z) * dz * a[j]! + (along.a ? z * da[j]! : 0)].map((x) => x * Math.sin(t));
  });
  return [0, 1].flatMap((k) => columns.map((column) => column[k]!));
}

describe('tangentField', () => {
  const directions = {
    argsAlong: { a: Float64Array.from(da) },
    along: [{ shape: [2, 2], data: Float64Array.from(dw.flat()) }],
  };
  const all = tangentField(f, { parameters: [w] });

  it.each(['wasm', 'onnx'])(
    'is f and its derivative along state, variables and args, in doubles on %s',
    (engine) => {
      const args = { args: { a: Float64Array.from(a) } };
      const cases = [
        { more: directions, along: { v: true, w: true, a: true } },
        { more: { along: directions.along }, along: { v: true, w: true, a: false } },
        { more: { argsAlong: directions.argsAlong }, along: { v: true, w: false, a: true } },
        { more: { argsAlong: {} }, along: { v: true, w: false, a: false } },
      ];
      for (const { more, along } of cases)
        expect(inDoubles(all, [y, v], { ...args, ...more }, engine)).toEqual(closeTo(byHand(0.5, along), 14));
    },
  );

  it('runs on TensorFlow.js as it stands, and is differentiated again', () => {
    tf.tidy(() => {
      const args = {
        args: { a: tf.tensor1d(a) },
        argsAlong: { a: tf.tensor1d(da) },
        along: [tf.tensor2d(dw)],
      };
      const state = [tf.tensor1d(y), tf.tensor1d(v)];
      expect(numbers(all(tf.scalar(0.5), state, args))).toEqual(
        closeTo(byHand(0.5, { v: true, w: true, a: true }), 6),
      );
      // ∂/∂y of ⟨c, J(y) v⟩, by differences of J(y) v.
      const c = tf.tensor1d([0.4, -1.3]);
      const along = (x: tf.Tensor): tf.Tensor =>
        tf.sum(tf.mul(c, all(tf.scalar(0.5), [x, state[1]!], args)[1]!));
      const eps = 1e-2;
      const differences = [0, 1].map((i) => {
        const [up, down] = [eps, -eps].map(
          (by) => along(tf.tensor1d(y.map((x, j) => x + (i === j ? by : 0)))).dataSync()[0]!,
        );
        return (up! - down!) / (2 * eps);
      });
      expect(numbers([tf.grad(along)(state[0]!)])).toEqual(closeTo(differences, 3));
    });
  });

  it('takes states of several parts, tuples and records, and models', () => {
    tf.tidy(() => {
      const [q, p, dq, dp] = [0.4, -0.7, 1.5, 0.25].map((x) => tf.tensor1d([x]));
      const wanted = closeTo([-0.7, -Math.sin(0.4), 0.25, -Math.cos(0.4) * 1.5], 6);
      const record = tangentField((_t, s) => ({ q: s.p, p: tf.neg(tf.sin(s.q)) }), {
        like: { q: q!, p: p! },
      });
      expect(numbers(record(tf.scalar(0), [q!, p!, dq!, dp!]))).toEqual(wanted);
      const tuple = tangentField((_t, [x, z]) => [z, tf.neg(tf.sin(x))], { like: [q!, p!] });
      expect(numbers(tuple(tf.scalar(0), [q!, p!, dq!, dp!]))).toEqual(wanted);
      const model = tangentField({ apply: (x) => tf.square(x), trainableWeights: [] });
      expect(numbers(model(tf.scalar(0), [q!, dq!]))).toEqual(closeTo([0.16, 1.2], 6));
    });
  });

  it('has the derivative zero where f depends on nothing that moves', () => {
    tf.tidy(() => {
      const constant = tf.tensor1d([3, 4]);
      for (const g of [
        () => constant,
        () => tf.add(constant, 1),
        // A captured tensor that is the state as well.
        (_t: tf.Scalar, x: tf.Tensor) => tf.add(constant, tf.mul(0, tf.round(x))),
      ]) {
        const [, tangent] = tangentField(g)(tf.scalar(0), [constant, tf.ones([2])]);
        expect(numbers([tangent!])).toEqual([0, 0]);
      }
      expect(constant.isDisposed).toBe(false);
    });
  });

  it('is right where f takes gradients itself', () => {
    // q' = ∂H/∂p, p' = −∂H/∂q for H = p²/2 + exp(q): J v = (ṗ, −exp(q) q̇).
    const energy = (q: tf.Tensor, p: tf.Tensor): tf.Tensor =>
      tf.sum(tf.add(tf.div(tf.square(p), 2), tf.exp(q)));
    const like = [Float64Array.of(0), Float64Array.of(0)] as const;
    const field = tangentField(
      (_t, [q, p]) => {
        const [dq, dp] = tf.grads(energy)([q, p]);
        return [dp!, tf.neg(dq!)] as const;
      },
      { like },
    );
    const found = inDoubles(field, [[0.3], [0.2], [2], [-1]], {}, 'wasm');
    expect(found).toEqual(closeTo([0.2, -Math.exp(0.3), -1, -2 * Math.exp(0.3)], 13));
  });

  it('keeps what moves apart on a tape, where one is made of the other', () => {
    // p = y², moved by dp whatever y does: the tangent of p y is p v + y dp, and the gradient of that 2 y v + dp.
    tf.tidy(() => {
      const along = [tf.tensor1d(da)];
      const gradient = tf.grad((x: tf.Tensor) => {
        const p = tf.square(x);
        const field = tangentField((_t, z) => tf.mul(p, z), { parameters: [p] });
        const [, moved] = field(tf.scalar(0), [tf.mul(x, 1), tf.tensor1d(v)], { along });
        return tf.sum(moved!);
      });
      expect(numbers([gradient(tf.tensor1d(y))])).toEqual(
        closeTo(
          y.map((yi, i) => 2 * yi * v[i]! + da[i]!),
          6,
        ),
      );
    });
  });

  it('says which direction does not fit', () => {
    tf.tidy(() => {
      const state = [tf.tensor1d(y), tf.tensor1d(v)];
      const call = (args: TangentArgs) => () =>
        all(tf.scalar(0), state, { args: { a: tf.tensor1d(a) }, ...args });
      expect(call({ argsAlong: { a: tf.ones([3]) } })).toThrow(
        'args.a is of shape [3], but args.a is float32 of shape [2]',
      );
      expect(call({ argsAlong: { b: tf.ones([2]) } })).toThrow(
        'The direction has args.b, where there is nothing that moves',
      );
      expect(call({ along: [tf.ones([2, 2]), tf.ones([2])] })).toThrow('The direction has parameters.1');
      expect(() => all(tf.scalar(0), [state[0]!])).toThrow('takes the 1 parts');
    });
  });

  it('leaves nothing, also where f throws', () => {
    tf.tidy(() => {
      const state = [tf.tensor1d(y), tf.tensor1d(v)];
      const t = tf.scalar(0);
      const args = { args: { a: tf.tensor1d(a) } };
      const alive = tf.memory().numTensors;
      tf.dispose(all(t, state, args));
      expect(tf.memory().numTensors).toBe(alive);
      const breaking = tangentField(() => {
        tf.ones([2]);
        throw new Error('broken');
      });
      expect(() => breaking(t, state)).toThrow('broken');
      expect(tf.memory().numTensors).toBe(alive);
    });
  });
});
