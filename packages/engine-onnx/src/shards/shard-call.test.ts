import type { FieldRequest, FlatField } from '@odegrad/engine-tfjs';
import { rk4 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import type { FloatData } from '@odegrad/trace';
import type { OnnxArray } from '../runtime/runtime.ts';
import { perform, timesOf, type ShardCall, type ShardResult, type Kept } from './shard-call.ts';
import { onnxEngine } from '../onnx.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a call of a block that has no models of steps', () => {
  const f: FlatField = (t, [y]) => [
    tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, w as unknown as tf.Tensor2D), t)),
  ];
  const w = tf.variable(tf.tensor2d([0.5, -0.3, 0.8, 0.1], [2, 2]), true, 'block-call-w');
  const prepare = () => {
    const y = tf.tensor2d([0.4, -0.2, 0.9, 0.7, -0.6, 0.3], [3, 2]);
    const request: FieldRequest = { f, key: f, t0: 0, y0: [y], parameters: [w], dtype: 'float32' };
    const prepared = onnxEngine({ blocks: 1 }).prepare(request);
    const state = [prepared.fromTensor(y)];
    y.dispose();
    return { field: prepared.field, y: state };
  };
  const usual: ShardCall = {
    operation: 'advance',
    times: timesOf([0, 0.5, 1].map((t0) => ({ t0, t1: t0 + 0.5 }))),
    read: false,
    withTime: false,
    handle: 4,
    ends: [],
    tableau: rk4,
  };
  const numbers = ({ states, parameters }: ShardResult): number[] =>
    [...states.flat(), ...parameters].flatMap((x: OnnxArray) => [...(x.data as FloatData)]);
  const expectSame = (found: ShardResult, wanted: ShardResult): void => {
    const [x, y] = [numbers(found), numbers(wanted)];
    expect(x).toHaveLength(y.length);
    y.forEach((entry, i) => {
      expect(x[i]).toBeCloseTo(entry, 5);
    });
  };

  test('gives what one with models gives', () => {
    const { field, y } = prepare();
    const without = { ...field, compile: () => undefined };
    const starts = [y, ...perform(field, new Map(), usual, [y]).states.slice(0, -1)];
    const by = (operation: 'advance' | 'adjoint', own: typeof field): ShardResult =>
      perform(own, new Map(), { ...usual, operation }, operation === 'advance' ? [y] : [...starts, y]);
    expectSame(by('advance', without), by('advance', field));
    expectSame(by('adjoint', without), by('adjoint', field));
    expect(by('adjoint', without).evaluations).toBe(7 * 3);
    expect(by('adjoint', field).evaluations).toBe(4 * 3);

    const [one, other] = [field, without].map((own) => {
      const kept = new Map<number, Kept>();
      const made = perform(own, kept, { ...usual, operation: 'linearizeSteps' }, [y]);
      const pulled = perform(own, kept, { ...usual, operation: 'pullbackSteps', ends: [0, 2] }, [y, y]);
      perform(own, kept, { ...usual, operation: 'release' }, []);
      expect(kept.size).toBe(0);
      return { made, pulled };
    });
    expectSame(other!.made, one!.made);
    expectSame(other!.pulled, one!.pulled);
    expect(other!.made.bytes).toBe(3 * 4 * field.linearize(0, y).bytes);
  });
});
