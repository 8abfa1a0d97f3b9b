import { describeEngine } from '@odegrad/testkit';
import { describe, expect, test } from 'vitest';

import { arrayEngine, arrayOf } from './array-engine.ts';
import { createPool, hold, release, take, unhold, type FloatType } from './array.ts';

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
