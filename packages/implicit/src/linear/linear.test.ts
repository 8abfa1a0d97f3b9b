import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { gmres } from './gmres.ts';
import { factorize } from './lu.ts';
import { interleave, separate, stageMatrix } from './stage-matrix.ts';

const entries = (length: number): fc.Arbitrary<Float64Array> =>
  fc
    .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: length, maxLength: length })
    .map((list) => Float64Array.from(list));

/** Blocks whose diagonal makes them regular, and a vector for each. */
const systems = fc
  .record({ size: fc.integer({ min: 1, max: 6 }), count: fc.integer({ min: 1, max: 3 }) })
  .chain(({ size, count }) =>
    fc.record({
      size: fc.constant(size),
      blocks: entries(count * size * size).map((a) =>
        a.map((x, i) => x + (Math.floor((i % (size * size)) / size) === i % size ? 2 * size : 0)),
      ),
      x: entries(count * size),
    }),
  );

function multiply(blocks: Float64Array, size: number, x: Float64Array): Float64Array {
  return x.map((_, at) => {
    const [from, row] = [Math.floor(at / size) * size, at % size];
    let sum = 0;
    for (let j = 0; j < size; j++) sum += blocks[(from + row) * size + j]! * x[from + j]!;
    return sum;
  });
}

const distance = (x: Float64Array, y: Float64Array): number =>
  Math.max(...x.map((xi, i) => Math.abs(xi - y[i]!)));

describe('linear systems', () => {
  it('are solved by factors, block by block', () => {
    fc.assert(
      fc.property(systems, ({ size, blocks, x }) => {
        const right = multiply(blocks, size, x);
        expect(distance(factorize(blocks.slice(), size)!.solve(right), x)).toBeLessThan(1e-13);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('change rows where a pivot is zero, and are refused where all are, or one is not finite', () => {
    expect([...factorize(Float64Array.of(0, 2, 3, 0), 2)!.solve(Float64Array.of(4, 9))]).toEqual([3, 2]);
    expect(factorize(Float64Array.of(1, 2, 2, 4), 2)).toBeUndefined();
    expect(factorize(Float64Array.of(1, 2, 2, NaN), 2)).toBeUndefined();
  });

  it('are solved by products alone, and faster with a matrix that is near', () => {
    fc.assert(
      fc.property(systems, ({ size, blocks, x }) => {
        const right = multiply(blocks, size, x);
        let products = 0;
        const solve = (precondition: (v: Float64Array) => Float64Array): Float64Array => {
          products = 0;
          const system = {
            multiply: (v: Float64Array) => (products++, multiply(blocks, size, v)),
            precondition,
          };
          return gmres(system, right, { tolerance: 1e-15, acceptable: 1e-14, restart: 30, restarts: 10 }).x!;
        };
        expect(
          distance(
            solve((v) => v),
            x,
          ),
        ).toBeLessThan(1e-13);
        const plain = products;
        const factors = factorize(blocks.slice(), size)!;
        expect(
          distance(
            solve((v) => factors.solve(v)),
            x,
          ),
        ).toBeLessThan(1e-13);
        expect(products).toBeLessThanOrEqual(Math.max(plain, 8));
      }),
      { seed: 2, numRuns: 60 },
    );
  });

  it('that have no solution are given up', () => {
    const singular = {
      multiply: (v: Float64Array) => Float64Array.of(v[0]!, 0),
      precondition: (v: Float64Array) => v,
    };
    const goal = { tolerance: 1e-15, acceptable: 1e-14, restart: 30, restarts: 10 };
    expect(gmres(singular, Float64Array.of(1, 1), goal).x).toBeUndefined();
  });
});

describe('stages of rows', () => {
  it('are joined and taken apart', () => {
    const vectors = [Float64Array.of(1, 2, 3, 4), Float64Array.of(5, 6, 7, 8)];
    expect([...interleave(vectors, 2)]).toEqual([1, 2, 5, 6, 3, 4, 7, 8]);
    expect(separate(interleave(vectors, 2), 2, 2)).toEqual(vectors);
  });

  it('have the matrix I − h (cᵢⱼ Jᵢ), and I − h (cᵢⱼ Jⱼᵀ) for cotangents', () => {
    const jacobians = [Float64Array.of(1, 2, 3, 4), Float64Array.of(5, 6, 7, 8)];
    const matrix = stageMatrix(
      jacobians,
      [
        [1, 10],
        [100, 1000],
      ],
      -1,
      2,
    );
    expect([...matrix]).toEqual([2, 2, 10, 20, 3, 5, 30, 40, 500, 600, 5001, 6000, 700, 800, 7000, 8001]);
    const transposed = stageMatrix(
      jacobians,
      [
        [1, 10],
        [100, 1000],
      ],
      -1,
      2,
      true,
    );
    expect([...transposed.slice(0, 4)]).toEqual([2, 3, 50, 70]);
  });
});
