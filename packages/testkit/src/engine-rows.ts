import type { Engine, RowTerm } from '@odegrad/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { coefficient, type EngineContract, type WithArrays } from './engine-trials.ts';

/** One way of a row: from where, to where, times what. */
const way = (rows: number, count: number): fc.Arbitrary<[number, number, number]> =>
  fc.tuple(fc.nat(rows - 1), fc.nat(count - 1), coefficient);

const termOf = <A>(value: A, rows: number, ways: readonly [number, number, number][]): RowTerm<A> => ({
  value,
  rows,
  from: ways.map(([from]) => from),
  to: ways.map(([, to]) => to),
  coefficients: ways.map(([, , by]) => by),
});

/** Rows that are mixed, for engines that do so. */
export function describeRows<A>(
  engine: () => Engine<A>,
  withArrays: WithArrays<A>,
  { read, shape }: Pick<EngineContract<A>, 'read' | 'shape'>,
): void {
  it('mixes rows of arrays, those that meet added up', () => {
    if (!engine().mixRows) return;
    const entries = (rows: number, width: number): fc.Arbitrary<{ values: number[]; shape: number[] }> =>
      fc
        .array(fc.integer({ min: -100, max: 100 }), { minLength: rows * width, maxLength: rows * width })
        .map((values) => ({ values, shape: width === 1 ? [rows] : [rows, width] }));
    const small = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(
        fc
          .tuple(small, small, small, small)
          .chain(([a, b, width, count]) =>
            fc.tuple(
              fc.tuple(entries(a, width), entries(b, width)),
              fc.constant(count),
              fc.tuple(fc.array(way(a, count), { maxLength: 6 }), fc.array(way(b, count), { maxLength: 6 })),
            ),
          ),
        ([arrays, count, ways]) => {
          withArrays(arrays, (values) => {
            const width = arrays[0].values.length / arrays[0].shape[0]!;
            const terms = values.map((value, i) => termOf(value, arrays[i]!.shape[0]!, ways[i]!));
            const [exact, magnitude] = [0, 0].map(() => new Float64Array(count * width));
            ways.forEach((list, i) => {
              for (const [from, to, by] of list) {
                for (let k = 0; k < width; k++) {
                  const product = by * arrays[i]!.values[from * width + k]!;
                  exact![to * width + k]! += product;
                  magnitude![to * width + k]! += Math.abs(product);
                }
              }
            });
            const result = engine().mixRows!(count, terms);
            const actual = read(result);
            expect(actual).toHaveLength(count * width);
            exact!.forEach((x, i) => {
              expect(Math.abs(actual[i]! - x)).toBeLessThanOrEqual(32 * engine().roundoff * magnitude![i]!);
            });
            if (shape) expect(shape(result)).toEqual([count, ...arrays[0].shape.slice(1)]);
            engine().release(result);
            return undefined;
          });
        },
      ),
      { seed: 12, numRuns: 60 },
    );
  });

  it('gives its numbers, and takes numbers, by rows', () => {
    if (!engine().entries) return;
    const array = { values: [1, -2.5, NaN, 4, Infinity, 0.125], shape: [2, 3] };
    withArrays([array], ([value]) => {
      const { entries } = engine();
      expect(entries!.shape(value!)).toEqual(shape ? [2, 3] : [6]);
      const numbers = entries!.read(value!);
      expect([...numbers]).toEqual(Array.from(read(value!)));
      const doubled = entries!.write(
        numbers.map((x) => 2 * x),
        value!,
      );
      expect(Array.from(read(doubled))).toEqual(Array.from(read(value!), (x) => 2 * x));
      if (shape) expect(shape(doubled)).toEqual([2, 3]);
      // What was read is a copy.
      numbers.fill(7);
      expect(read(value!)[0]).toBe(1);
      return doubled;
    });
  });

  it('leaves a row out whose coefficient is 0, and one that is not named, even where it is NaN', () => {
    if (!engine().mixRows) return;
    const array = { values: [1, 2, NaN, Infinity, 5, NaN], shape: [3, 2] };
    withArrays([array], ([value]) => {
      const result = engine().mixRows!(2, [
        termOf(value!, 3, [
          [0, 1, 3],
          [1, 1, 0],
        ]),
        termOf(value!, 3, [[2, 0, 0]]),
      ]);
      expect(Array.from(read(result))).toEqual([0, 0, 3, 6]);
      engine().release(result);
      return undefined;
    });
  });
}
