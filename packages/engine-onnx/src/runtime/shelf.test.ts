import { createLedger, rungeKutta, type VectorField } from '@odegrad/core';
import type { FlatField } from '@odegrad/engine-tfjs';
import { binomial, checkpoint, online, resolve } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { rk4 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { arrayOf } from '@odegrad/trace';
import { createPool, release } from '@odegrad/trace';
import { type OnnxArray } from './runtime.ts';
import { type FloatData } from '@odegrad/trace';
import { onnxEngine } from '../onnx.ts';
import { shelfFor } from '@odegrad/trace';

const numbers = (state: readonly OnnxArray[]): number[] => state.flatMap((x) => [...(x.data as FloatData)]);

describe.each(['float32', 'float64'] as const)('a shelf in %s', (float) => {
  const pool = createPool();
  const state = (n: number): OnnxArray[] => [
    arrayOf(pool, float, [n, n + 0.5, -n], [3]),
    arrayOf(pool, float, [n / 4], []),
  ];

  test('gives back what was put there, as arrays of their own or to look at', () => {
    const shelf = shelfFor(float, state(0))!;
    for (let n = 1; n < 3000; n += 7) shelf.put(n, state(n));
    for (let n = 1; n < 3000; n += 7) {
      const [copy, seen] = [shelf.get(n), shelf.peek(n)];
      expect(numbers(copy)).toEqual([n, n + 0.5, -n, n / 4]);
      expect(numbers(seen)).toEqual(numbers(copy));
      expect(copy.map(({ dims }) => dims)).toEqual([[3], []]);
      copy[0]!.data[0] = 0;
      copy.forEach(release);
      expect(shelf.peek(n)[0]!.data[0]).toBe(n);
    }
  });

  test('lets a slab go with the last state in it', () => {
    const shelf = shelfFor(float, state(0))!;
    const slab = (n: number): ArrayBufferLike => shelf.peek(n)[0]!.data.buffer;
    shelf.put(0, state(0));
    shelf.put(1, state(1));
    const first = slab(1);
    expect(slab(0)).toBe(first);
    shelf.remove(0);
    shelf.put(2, state(2));
    expect(slab(2)).toBe(first);
    shelf.remove(1);
    shelf.remove(2);
    shelf.put(1, state(1));
    expect(slab(1)).not.toBe(first);
  });

  test('is for states that weigh less than what an array takes besides', () => {
    const zeros = (size: number): OnnxArray[] => [arrayOf(pool, float, new Float64Array(size), [size])];
    const entries = 4096 / (float === 'float32' ? 4 : 8);
    expect(shelfFor(float, zeros(entries))).toBeDefined();
    expect(shelfFor(float, zeros(entries + 1))).toBeUndefined();
    expect(shelfFor(float, zeros(0))).toBeUndefined();
  });
});

describe('solves with small states', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });
  const f: FlatField = (t, [y]) => [tf.mul(tf.tanh(y!), tf.cos(t))];
  const [strategies, ts] = [
    [symplectic, checkpoint, resolve, binomial(), online({ checkpoints: 4 })],
    [0, 0.5, 2],
  ];

  test.each(strategies.map((strategy) => [strategy.name, strategy] as const))(
    'by %s give what they give without a shelf, and count one state more',
    (_, strategy) => {
      const y0 = [tf.tensor1d([0.3, -0.7, 1.1])];
      const { field, fromTensor } = onnxEngine().prepare({
        f,
        key: f,
        t0: 0,
        y0,
        parameters: [],
        dtype: 'float64',
      });
      const start = y0.map(fromTensor);
      const { shelf, ...engine } = field.engine;
      expect(shelf?.(start)).toBeDefined();
      const solve = (of: VectorField<OnnxArray>) => {
        const ledger = createLedger();
        const method = { solver: rungeKutta(rk4), stepping: { numSteps: 40 }, ledger };
        const solution = strategy.solve({ field: of, y0: start, ts }, method);
        const twice = [0, 1].map(() => numbers(solution.pullback([undefined, start, start]).y0));
        expect(twice[1]).toEqual(twice[0]);
        const found = [...twice.flat(), ...numbers(solution.ys.flat())];
        solution.release();
        return { found, ledger };
      };
      const [shelved, plain] = [solve(field), solve({ ...field, engine })];
      expect(shelved.found).toEqual(plain.found);
      const { bytesPeak, ...counts } = shelved.ledger;
      const { bytesPeak: least, ...expected } = plain.ledger;
      expect(counts).toEqual(expected);
      expect(bytesPeak - least).toBeGreaterThanOrEqual(0);
      expect(bytesPeak - least).toBeLessThanOrEqual(24);
    },
  );
});
