import { describe, expect, test } from 'vitest';

import { arrayOf } from '@odegrad/trace';
import { createPool } from '@odegrad/trace';
import { type FloatData } from '@odegrad/trace';
import { createBuilder, type ProgramBuilder } from '@odegrad/trace';
import { compileProgram } from '../runtime/compile.ts';

const entry = (i: number): number => Math.fround(Math.sin(3 * i + 1));

/** What a program on one or two inputs gives, in float32. */
function computed(
  shapes: readonly (readonly number[])[],
  make: (b: ProgramBuilder, inputs: readonly number[]) => number,
): number[] {
  const b = createBuilder();
  const inputs = shapes.map((shape, i) => b.input(`y${i}`, shape));
  const program = b.finish([{ name: 'f0', value: make(b, inputs) }]);
  const pool = createPool();
  const model = compileProgram(program, { float: 'float32', pool, providers: ['cpu'], threads: 1, cores: 1 });
  for (const [i, shape] of shapes.entries()) {
    const size = shape.reduce((n, extent) => n * extent, 1);
    model.feeds[`y${i}`] = arrayOf(
      pool,
      'float32',
      Array.from({ length: size }, (_, k) => entry(k + i)),
      shape,
    );
  }
  const values = Array.from(model.run()['f0']!.data as FloatData);
  model.release();
  return values;
}

const close = (found: readonly number[], wanted: readonly number[]): void => {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((x, i) => {
    expect(Math.abs(found[i]! - x)).toBeLessThan(1e-5);
  });
};

describe('products and sums of matrices in float32', () => {
  test.each([[511], [512], [700]])('Aᵀ B with %i columns', (columns) => {
    const [rows, K] = [5, 3];
    const found = computed(
      [
        [rows, K],
        [rows, columns],
      ],
      (b, [x, y]) =>
        b.call('BatchMatMul', { a: x!, b: y! }, [K, columns], { transposeA: true, transposeB: false }),
    );
    const wanted = Array.from({ length: K * columns }, (_, at) => {
      const [k, c] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += entry(r * K + k) * entry(r * columns + c + 1);
      return sum;
    });
    close(found, wanted);
  });

  const sums: readonly (readonly [readonly number[], readonly number[], readonly number[]])[] = [
    [[6, 4], [0], [4]],
    [[3, 2, 4], [0, 1], [4]],
    [[3, 2, 4], [1, 0], [4]],
    [[3, 2, 4], [1], [3, 4]],
    [[3, 2, 4], [2], [3, 2]],
    [[3, 2, 4], [0, 1, 2], []],
  ];

  test.each(sums)('sums of an array %j over axes %j', (shape, axis, result) => {
    const found = computed([shape], (b, [x]) => b.call('Sum', { x: x! }, result, { axis: [...axis] }));
    const totals = new Map<string, number>();
    for (let i = 0; i < 24; i++) {
      const at = shape.map(
        (extent, d) => Math.floor(i / shape.slice(d + 1).reduce((n, e) => n * e, 1)) % extent,
      );
      const key = at.filter((_, d) => !axis.includes(d)).join();
      totals.set(key, (totals.get(key) ?? 0) + entry(i));
    }
    close(found, [...totals.values()]);
  });
});
