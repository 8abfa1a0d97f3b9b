import type { Engine } from '@odegrad/core';
import { expect, it } from 'vitest';
import type { EngineContract, WithArrays } from './engine-trials.ts';

/** Entries that are not finite, zero or large; bytes; and arrays that outlive others. */
export function describeEntries<A>(
  engine: () => Engine<A>,
  withArrays: WithArrays<A>,
  read: EngineContract<A>['read'],
): void {
  it.each([
    ['NaN', NaN],
    ['infinite', Infinity],
    ['negative infinite', -Infinity],
  ])('finds an entry that is %s, and makes its scaled norm infinite', (_, bad) => {
    const tolerance = { rtol: 1e-3, atol: 1e-6 };
    const [good, one] = [
      { values: [1, 2, 3, 4], shape: [4] },
      { values: [1, bad, 3, 4], shape: [4] },
    ];
    withArrays([good, one], ([x, y]) => {
      expect(engine().isFinite(x!)).toBe(true);
      expect(engine().isFinite(y!)).toBe(false);
      expect(engine().scaledNorm(y!, x!, x!, tolerance)).toBe(Infinity);
      expect(engine().scaledMax(y!, x!, x!, tolerance)).toBe(Infinity);
      return undefined;
    });
  });

  it('counts an entry without an error as 0 whatever its scale, and one with an error and no scale as infinite', () => {
    const [zeros, ones] = [
      { values: [0, 0, 0, 0], shape: [4] },
      { values: [1, 0, 1, 0], shape: [4] },
    ];
    withArrays([zeros, ones, { values: [3, 4, 0, 0], shape: [4] }], ([none, some, error]) => {
      for (const tolerance of [
        { rtol: 0.5, atol: 0 },
        { rtol: 0, atol: 1e-3 },
      ]) {
        expect(engine().scaledNorm(none!, some!, none!, tolerance)).toBe(0);
        expect(engine().scaledNorm(none!, none!, none!, tolerance)).toBe(0);
        expect(engine().scaledMax(none!, some!, none!, tolerance)).toBe(0);
        expect(engine().scaledMax(none!, none!, none!, tolerance)).toBe(0);
      }
      // Scales ½ and 0 for errors 3 and 4.
      expect(engine().scaledNorm(error!, some!, none!, { rtol: 0.5, atol: 0 })).toBe(Infinity);
      expect(engine().scaledMax(error!, some!, none!, { rtol: 0.5, atol: 0 })).toBe(Infinity);
      // Scales 1, ½, 1, ½: the largest is 8 …
      expect(engine().scaledMax(error!, some!, none!, { rtol: 0.5, atol: 0.5 })).toBe(8);
      // … and the mean is of 9, 64, 0 and 0.
      const norm = engine().scaledNorm(error!, some!, none!, { rtol: 0.5, atol: 0.5 });
      expect(Math.abs(norm - Math.sqrt(73 / 4))).toBeLessThanOrEqual(16 * engine().roundoff * norm);
      return undefined;
    });
  });

  it('does not take large finite entries for infinite ones', () => {
    const large = engine().roundoff === 2 ** -53 ? 2 ** 1023 : 2 ** 127;
    const lists = [
      [large, large, large, large],
      [large, -large, large, -large],
      [-large, -large, 0, 1],
      [0, 0, 0, 0],
      [1e-38, -1e-38, 0, 0],
    ];
    for (const values of lists) {
      withArrays(
        [
          {
            values: values.map(Math.fround).map((v, i) => (engine().roundoff === 2 ** -53 ? values[i]! : v)),
            shape: [4],
          },
        ],
        ([x]) => {
          expect(engine().isFinite(x!)).toBe(true);
          return undefined;
        },
      );
    }
    // Opposite infinities cancel to NaN, equal ones do not.
    for (const values of [
      [Infinity, -Infinity],
      [Infinity, Infinity],
      [NaN, NaN],
      [0, NaN],
    ]) {
      withArrays([{ values, shape: [2] }], ([x]) => {
        expect(engine().isFinite(x!)).toBe(false);
        return undefined;
      });
    }
  });

  it('has bytes in proportion to the entries', () => {
    const bytes = engine().roundoff === 2 ** -53 ? 8 : 4;
    for (const [values, dims] of [
      [[1], [1]],
      [[1, 2, 3], [3]],
      [
        [1, 2, 3, 4, 5, 6],
        [2, 3],
      ],
    ] as const) {
      withArrays([{ values, shape: dims }], ([x]) => {
        expect(engine().bytes(x!)).toBe(bytes * values.length);
        return undefined;
      });
    }
  });

  it('leaves other arrays readable after one is released', () => {
    withArrays(
      [
        { values: [1, 2], shape: [2] },
        { values: [3, 4], shape: [2] },
      ],
      ([x, y]) => {
        const sum = engine().combine(x, [{ coefficient: 1, value: y! }]);
        const copy = engine().combine(undefined, [{ coefficient: 1, value: sum }]);
        engine().release(sum);
        expect(Array.from(read(copy))).toEqual([4, 6]);
        return copy;
      },
    );
  });
}
