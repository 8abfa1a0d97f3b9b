import type { Engine, Term } from '@odegrad/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** An engine to be tried, and the way in and out of its arrays. */
export interface EngineContract<A> {
  readonly name: string;
  /** Makes the engine; called once, before its tests. */
  readonly create: () => Engine<A> | Promise<Engine<A>>;
  /** An array of the given entries and shape, which the caller owns. */
  readonly make: (values: readonly number[], shape: readonly number[]) => A;
  /** The entries of an array, in the order of `make`. */
  readonly read: (x: A) => ArrayLike<number>;
  /** The shape of an array; not tested without. */
  readonly shape?: (x: A) => readonly number[];
  /** Arrays alive; what stays alive is not tested without. */
  readonly live?: () => number;
  /** Undoes what `create` did. */
  readonly dispose?: () => void;
}

/**
 * Registers the tests that the arithmetic of every engine must pass, against sums in float64 with the error
 * bound of its own roundoff; NaN, infinities and large finite values; that arguments are not touched, results are
 * new, and nothing else is made.
 */
export function describeEngine<A>({
  name,
  create,
  make,
  read,
  shape,
  live,
  dispose,
}: EngineContract<A>): void {
  let engine: Engine<A>;
  const runs = { seed: 11, numRuns: 60 };

  // Relative error bounds hold as long as no product falls below the normal numbers of float32.
  const ordinary = (x: number): number => (Math.abs(x) < 1e-6 ? 0 : x);

  /** Entries that the engine's precision holds exactly, and a shape for them. */
  const tensor = (count?: number): fc.Arbitrary<{ values: number[]; shape: number[] }> =>
    fc
      .tuple(count === undefined ? fc.integer({ min: 1, max: 12 }) : fc.constant(count), fc.boolean())
      .chain(([length, matrix]) =>
        fc.record({
          values: fc.array(
            fc.float({ min: -1000, max: 1000, noNaN: true, noDefaultInfinity: true }).map(ordinary),
            {
              minLength: length,
              maxLength: length,
            },
          ),
          shape: fc.constant(matrix && length % 2 === 0 ? [2, length / 2] : [length]),
        }),
      );
  const tensors = (count: number): fc.Arbitrary<{ values: number[]; shape: number[] }[]> =>
    tensor().chain(({ values, shape: dims }) =>
      fc
        .array(tensor(values.length), { minLength: count, maxLength: count })
        .map((list) => list.map((item) => ({ values: item.values, shape: dims }))),
    );
  const coefficient = fc.oneof(
    fc.constantFrom(0, 1, -1),
    fc.double({ min: -10, max: 10, noNaN: true }).map(ordinary),
  );

  /** Runs `body` on arrays of these entries; they must be as before, and what it returns be all that was made. */
  function withArrays(
    entries: readonly { values: readonly number[]; shape: readonly number[] }[],
    body: (arrays: A[]) => A | undefined,
  ): void {
    const start = live?.();
    const arrays = entries.map(({ values, shape: dims }) => make(values, dims));
    const made = live?.();
    const result = body(arrays);
    if (made !== undefined) expect(live!()).toBe(made + (result === undefined ? 0 : 1));
    if (result !== undefined) {
      expect(arrays).not.toContain(result);
      expect(engine.bytes(result)).toBe(engine.bytes(arrays[0]!));
      if (shape) expect(shape(result)).toEqual(shape(arrays[0]!));
      engine.release(result);
    }
    arrays.forEach((x, i) =>
      expect(Array.from(read(x), (v) => v + 0)).toEqual(entries[i]!.values.map((v) => v + 0)),
    );
    for (const x of arrays) engine.release(x);
    if (start !== undefined) expect(live!()).toBe(start);
  }

  describe(`engine ${name}`, () => {
    beforeAll(async () => {
      engine = await create();
    });
    afterAll(() => {
      dispose?.();
    });

    it('names itself and its roundoff', () => {
      expect(engine.name).not.toBe('');
      expect([2 ** -24, 2 ** -53]).toContain(engine.roundoff);
    });

    it('combines linearly, with a base and without', () => {
      fc.assert(
        fc.property(
          fc
            .integer({ min: 1, max: 8 })
            .chain((count) =>
              fc.tuple(
                tensors(count + 1),
                fc.array(coefficient, { minLength: count, maxLength: count }),
                fc.boolean(),
              ),
            ),
          ([entries, coefficients, based]) => {
            withArrays(entries, ([base, ...values]) => {
              const terms = values.map((value, i): Term<A> => ({ coefficient: coefficients[i]!, value }));
              const result = engine.combine(based ? base : undefined, terms);
              const actual = read(result);
              entries[0]!.values.forEach((start, entry) => {
                const products = coefficients.map((c, i) => c * entries[i + 1]!.values[entry]!);
                if (based) products.push(start);
                const exact = products.reduce((sum, x) => sum + x, 0);
                const magnitude = products.reduce((sum, x) => sum + Math.abs(x), 0);
                // Each coefficient is rounded once, each product and each sum once: n + 1 roundings an entry.
                const bound = (products.length + 2) * 2 * engine.roundoff * magnitude;
                expect(Math.abs(actual[entry]! - exact)).toBeLessThanOrEqual(bound);
              });
              return result;
            });
          },
        ),
        runs,
      );
    });

    it('multiplies coefficients by a common factor first', () => {
      fc.assert(
        fc.property(
          fc.tuple(
            tensors(4),
            fc.array(coefficient, { minLength: 3, maxLength: 3 }),
            coefficient,
            fc.boolean(),
          ),
          ([entries, coefficients, scale, based]) => {
            withArrays(entries, ([base, ...values]) => {
              const [apart, multiplied] = [1, scale].map((factor) =>
                values.map((value, i): Term<A> => ({ coefficient: factor * coefficients[i]!, value })),
              ) as [Term<A>[], Term<A>[]];
              const start = based ? base : undefined;
              const wanted = engine.combine(start, multiplied);
              const result = engine.combine(start, apart, scale);
              expect(Array.from(read(result))).toEqual(Array.from(read(wanted)));
              engine.release(wanted);
              return result;
            });
          },
        ),
        runs,
      );
    });

    it('gives a new array even where nothing changes', () => {
      const x = { values: [1, 2, 3], shape: [3] };
      withArrays([x], ([value]) => engine.combine(undefined, [{ coefficient: 1, value: value! }]));
      withArrays([x, x], ([base, value]) => engine.combine(base, [{ coefficient: 0, value: value! }]));
      // The base may itself be a term.
      withArrays([x], ([base]) => {
        const doubled = engine.combine(base, [{ coefficient: 1, value: base! }]);
        expect(Array.from(read(doubled))).toEqual([2, 4, 6]);
        return doubled;
      });
    });

    it('makes zeros of the same shape', () => {
      fc.assert(
        fc.property(tensor(), (entries) => {
          withArrays([entries], ([like]) => {
            const zeros = engine.zeros(like!);
            expect(Array.from(read(zeros))).toEqual(entries.values.map(() => 0));
            return zeros;
          });
        }),
        runs,
      );
      withArrays([{ values: [NaN, Infinity], shape: [2] }], ([like]) => {
        const zeros = engine.zeros(like!);
        expect(Array.from(read(zeros))).toEqual([0, 0]);
        return zeros;
      });
    });

    it('takes inner products', () => {
      fc.assert(
        fc.property(tensors(2), ([x, y]) => {
          withArrays([x!, y!], ([a, b]) => {
            const products = x!.values.map((xi, i) => xi * y!.values[i]!);
            const exact = products.reduce((sum, p) => sum + p, 0);
            const magnitude = products.reduce((sum, p) => sum + Math.abs(p), 0);
            const bound = (products.length + 1) * 2 * engine.roundoff * magnitude;
            expect(Math.abs(engine.dot(a!, b!) - exact)).toBeLessThanOrEqual(bound);
            return undefined;
          });
        }),
        runs,
      );
    });

    it('scales errors by the tolerance and takes their root mean square', () => {
      const positive = fc.double({ min: 1e-6, max: 1, noNaN: true });
      fc.assert(
        fc.property(tensors(3), positive, positive, (entries, rtol, atol) => {
          withArrays(entries, ([error, y0, y1]) => {
            const [e, x, y] = entries.map(({ values }) => values) as [number[], number[], number[]];
            const scaled = e.map((ei, i) => ei / (atol + rtol * Math.max(Math.abs(x[i]!), Math.abs(y[i]!))));
            const exact = Math.sqrt(scaled.reduce((sum, s) => sum + s * s, 0) / e.length);
            const actual = engine.scaledNorm(error!, y0!, y1!, { rtol, atol });
            expect(Math.abs(actual - exact)).toBeLessThanOrEqual(
              (e.length + 8) * 2 * engine.roundoff * exact,
            );
            return undefined;
          });
        }),
        runs,
      );
    });

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
        expect(engine.isFinite(x!)).toBe(true);
        expect(engine.isFinite(y!)).toBe(false);
        expect(engine.scaledNorm(y!, x!, x!, tolerance)).toBe(Infinity);
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
          expect(engine.scaledNorm(none!, some!, none!, tolerance)).toBe(0);
          expect(engine.scaledNorm(none!, none!, none!, tolerance)).toBe(0);
        }
        // Scales ½ and 0 for errors 3 and 4.
        expect(engine.scaledNorm(error!, some!, none!, { rtol: 0.5, atol: 0 })).toBe(Infinity);
        // Scales 1, ½, 1, ½: the root of the mean of 9, 64, 0 and 0.
        const norm = engine.scaledNorm(error!, some!, none!, { rtol: 0.5, atol: 0.5 });
        expect(Math.abs(norm - Math.sqrt(73 / 4))).toBeLessThanOrEqual(16 * engine.roundoff * norm);
        return undefined;
      });
    });

    it('does not take large finite entries for infinite ones', () => {
      const large = engine.roundoff === 2 ** -53 ? 2 ** 1023 : 2 ** 127;
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
              values: values.map(Math.fround).map((v, i) => (engine.roundoff === 2 ** -53 ? values[i]! : v)),
              shape: [4],
            },
          ],
          ([x]) => {
            expect(engine.isFinite(x!)).toBe(true);
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
          expect(engine.isFinite(x!)).toBe(false);
          return undefined;
        });
      }
    });

    it('has bytes in proportion to the entries', () => {
      const bytes = engine.roundoff === 2 ** -53 ? 8 : 4;
      for (const [values, dims] of [
        [[1], [1]],
        [[1, 2, 3], [3]],
        [
          [1, 2, 3, 4, 5, 6],
          [2, 3],
        ],
      ] as const) {
        withArrays([{ values, shape: dims }], ([x]) => {
          expect(engine.bytes(x!)).toBe(bytes * values.length);
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
          const sum = engine.combine(x, [{ coefficient: 1, value: y! }]);
          const copy = engine.combine(undefined, [{ coefficient: 1, value: sum }]);
          engine.release(sum);
          expect(Array.from(read(copy))).toEqual([4, 6]);
          return copy;
        },
      );
    });
  });
}
