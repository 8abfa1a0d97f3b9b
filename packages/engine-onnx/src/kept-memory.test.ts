import { createLedger, forward, rungeKutta, type GradientStrategy, type VectorField } from '@odegrad/core';
import type { FlatField } from '@odegrad/engine-tfjs';
import { backprop } from '@odegrad/grad-backprop';
import { checkpoint, recompute, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { rk4 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createPool, release, take } from '@odegrad/trace';
import { type OnnxArray } from './runtime/runtime.ts';
import { type FloatData } from '@odegrad/trace';
import { onnxEngine } from './onnx.ts';
import { onnxRuntime, type NativeSession } from './runtime/session.ts';

const solver = rungeKutta(rk4);

describe('a pool', () => {
  test('gives back what the last solves never used, the oldest first, and keeps what they did', () => {
    const pool = createPool();
    const [small, large] = [pool.kind([10], 'float32'), pool.kind([1000], 'float32')];
    const used = (kind: typeof small, count: number): void => {
      Array.from({ length: count }, () => take(kind)).forEach(release);
    };
    used(large, 8);
    for (let i = 0; i < 16; i++) pool.trim();
    // Whatever was there was used in this time: it was made.
    expect(pool.freeBytes).toBe(8 * large.bytes);
    for (let i = 0; i < 16; i++) {
      pool.trim();
      used(small, 4);
      used(large, 3);
    }
    expect(large.free).toHaveLength(3);
    expect(pool.freeBytes).toBe(3 * large.bytes + 4 * small.bytes);
    for (let i = 0; i < 32; i++) pool.trim();
    expect(pool.freeBytes).toBe(0);
  });
});

describe('one function on batches of ever new sizes', () => {
  const binding = onnxRuntime() as { InferenceSession: new () => NativeSession };
  const { InferenceSession } = binding;
  let [live, most] = [0, 0];
  beforeAll(async () => {
    await tf.setBackend('cpu');
    binding.InferenceSession = function open() {
      most = Math.max(most, (live += 1));
      return new Proxy(new InferenceSession(), {
        get(target, key: keyof NativeSession) {
          const value: unknown = target[key];
          if (typeof value !== 'function') return value;
          return (...args: unknown[]): unknown => {
            if (key === 'dispose') live -= 1;
            return Reflect.apply(value, target, args);
          };
        },
      });
    } as unknown as typeof InferenceSession;
  });
  afterAll(() => {
    binding.InferenceSession = InferenceSession;
  });

  const f: FlatField = (_, [y]) => [tf.tanh(y!)];
  const prepare = (engine: ReturnType<typeof onnxEngine>, rows: number) => {
    const y0 = [tf.fill([rows, 2], 0.5)];
    const { field, fromTensor } = engine.prepare({
      f,
      key: f,
      t0: 0,
      y0,
      parameters: [],
      dtype: 'float32',
    });
    return { field, start: y0.map(fromTensor) };
  };
  const solve = (field: VectorField<OnnxArray>, start: OnnxArray[]): number[] => {
    const method = { solver, stepping: { numSteps: 1 } };
    const solution = forward.solve({ field, y0: start, ts: [0, 1] }, method);
    const [y] = solution.ys[1]!;
    const values = [...(y!.data as FloatData)];
    solution.release();
    return values;
  };

  test.each([1, 2])(
    'keeps the sessions of its latest 32 shapes, in so many blocks: %i',
    (blocks) => {
      const engine = onnxEngine({ blocks });
      [live, most] = [0, 0];
      const first = prepare(engine, 2);
      const expected = solve(first.field, first.start);
      const each = live;
      expect(each).toBeGreaterThan(0);
      for (let rows = 3; rows < 37; rows++) {
        const { field, start } = prepare(engine, rows);
        solve(field, start);
      }
      // One shape more while the one that gives way is not closed yet.
      expect(most).toBeLessThanOrEqual(33 * each);
      expect(live).toBe(32 * each);
      // A solve that goes on with a shape that had to give way gets its sessions back, and so does the shape.
      expect(solve(first.field, first.start)).toEqual(expected);
      const again = prepare(engine, 2);
      expect(solve(again.field, again.start)).toEqual(expected);
    },
    240_000,
  );
});

describe('without fusion', () => {
  const layers = 3;
  const f: FlatField = (_, [y]) => {
    let x = y!;
    for (let i = 0; i < layers; i++) x = tf.tanh(tf.matMul(x as tf.Tensor2D, w as unknown as tf.Tensor2D));
    return [x];
  };
  let w: tf.Variable;
  beforeAll(() => {
    w = tf.variable(tf.tensor2d([0.3, -0.2, 0.5, 0.7], [2, 2]));
  });

  // Bytes of one state, and of one evaluation's activations: the value of each layer.
  const [steps, s, x, l] = [5, 4, 16, 16 * layers];
  test.each<[string, GradientStrategy, number, number]>([
    ['symplectic', symplectic, l, steps * x],
    ['stages', stages, l, steps * s * x],
    ['checkpoint', checkpoint, s * l, steps * x],
    ['recompute', recompute, steps * s * l, x],
    ['backprop', backprop, steps * s * l, steps * s * x],
  ])('%s holds what the method says, and gives the same', (_, strategy, activations, kept) => {
    const y0 = [tf.tensor2d([0.1, 0.2, -0.3, 0.4], [2, 2])];
    const solve = (engine: ReturnType<typeof onnxEngine>) => {
      const request = { f, key: f, t0: 0, y0, parameters: [w], dtype: 'float32' } as const;
      const { field, fromTensor } = engine.prepare(request);
      const start = y0.map(fromTensor);
      const ledger = createLedger();
      const method = { solver, stepping: { numSteps: steps }, ledger };
      const solution = strategy.solve({ field, y0: start, ts: [0, 1] }, method);
      const { keptStateBytes } = ledger;
      const pulled = solution.pullback([undefined, start]);
      const values = [...pulled.y0, ...pulled.parameters].flatMap((array) => [...(array.data as FloatData)]);
      solution.release();
      return { field, values, ledger, keptStateBytes };
    };
    const [staged, fused] = [solve(onnxEngine({ fuse: false })), solve(onnxEngine())];
    expect(staged.field.compile).toBeUndefined();
    expect(fused.field.compile).toBeDefined();
    expect(staged.ledger.activationBytesPeak).toBe(activations);
    expect(staged.keptStateBytes).toBe(kept);
    staged.values.forEach((value, i) => {
      expect(Math.abs(value - fused.values[i]!)).toBeLessThan(1e-6);
    });
  });

  test('a batch in blocks takes no whole steps either', () => {
    const y0 = [tf.ones([16, 2])];
    const request = { f, key: f, t0: 0, y0, parameters: [w], dtype: 'float32' } as const;
    const { field, fromTensor } = onnxEngine({ fuse: false, blocks: 2 }).prepare(request);
    expect(field.compile).toBeUndefined();
    const start = y0.map(fromTensor);
    const method = { solver, stepping: { numSteps: 2 } };
    expect(forward.solve({ field, y0: start, ts: [0, 1] }, method).ys).toHaveLength(2);
  });
});
