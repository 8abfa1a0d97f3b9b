import { describeEngine } from '@odegrad/testkit';
import { describe, expect, test } from 'vitest';

import { arrayEngine, arrayOf } from '@odegrad/trace';
import { createPool, hold, release, take, unhold } from '@odegrad/trace';
import { type OnnxArray } from './runtime.ts';
import { type FloatType } from '@odegrad/trace';
import { largeSums } from './large-sums.ts';

for (const float of ['float32', 'float64'] satisfies FloatType[]) {
  const pool = createPool();
  describeEngine({
    name: `onnx ${float}`,
    create: () => arrayEngine('onnx', float),
    make: (values, shape) => arrayOf(pool, float, values, shape),
    read: (x) => x.data as Float32Array,
    shape: (x) => x.dims,
  });
}

describe.each(['float32', 'float64'] as const)('sums of large arrays in %s', (float) => {
  const pool = createPool();
  const plus = largeSums({ float, pool, providers: ['cpu'], threads: undefined, cores: 2 });
  const [plain, engine] = [arrayEngine('plain', float), arrayEngine('onnx', float, plus)];
  const array = (size: number, seed: number): OnnxArray =>
    arrayOf(
      pool,
      float,
      Array.from({ length: size }, (_, i) => Math.exp(30 * Math.sin(seed * i))),
      [2, size / 2],
    );

  test('are those of the loops to the last bit, by a call', () => {
    const [x, y] = [array(2 ** 16, 3), array(2 ** 16, 5)];
    expect(plus(x, y)).toBeDefined();
    const [found, wanted] = [engine, plain].map((each) => each.combine(x, [{ coefficient: 1, value: y }]));
    expect(found!.data).toEqual(wanted!.data);
    expect(found!.dims).toEqual(x.dims);
    expect(engine.combine(x, [{ coefficient: 2, value: y }]).data).toEqual(
      plain.combine(x, [{ coefficient: 2, value: y }]).data,
    );
  });

  test('are left to the loops where they are small', () => {
    expect(plus(array(64, 3), array(64, 5))).toBeUndefined();
  });
});

describe('array pool', () => {
  test('gives out an array again only after nobody reads it', () => {
    const kind = createPool().kind([3], 'float32');
    const x = take(kind);
    hold(x);
    release(x);
    expect(take(kind)).not.toBe(x);
    unhold(x);
    expect(take(kind)).toBe(x);
    expect(take(kind)).not.toBe(x);
  });

  test('keeps free arrays up to 1 GiB, and then begins anew', () => {
    const pool = createPool();
    const [small, large] = [pool.kind([3], 'float32'), pool.kind([1e8], 'float32')];
    const [x, a, b, c] = [take(small), take(large), take(large), take(large)];
    for (const array of [x, a, b]) release(array);
    expect(pool.freeBytes).toBe(12 + 8e8);
    expect(take(small)).toBe(x);
    expect(pool.freeBytes).toBe(8e8);
    release(x);
    release(c);
    expect(pool.freeBytes).toBe(4e8);
    expect(take(small)).not.toBe(x);
    expect(take(large)).toBe(c);
    expect(pool.freeBytes).toBe(0);
  });

  test('sums of any number of terms agree with float64 sums', () => {
    const pool = createPool();
    const engine = arrayEngine('onnx', 'float64');
    for (let count = 1; count <= 9; count++) {
      const values = Array.from({ length: count }, (_, k) =>
        arrayOf(pool, 'float64', [k + 0.5, 2 * k, -k], [3]),
      );
      const terms = values.map((value, k) => ({ coefficient: 0.1 * (k + 1), value }));
      for (const base of [undefined, arrayOf(pool, 'float64', [1, 2, 3], [3])]) {
        const sum = engine.combine(base, terms);
        for (const i of [0, 1, 2]) {
          const exact = terms.reduce(
            (total, { coefficient, value }) => total + coefficient * Number(value.data[i]),
            base ? i + 1 : 0,
          );
          expect(Number(sum.data[i])).toBeCloseTo(exact, 12);
        }
      }
    }
  });
});
