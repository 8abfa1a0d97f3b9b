import type { Engine, Term } from '@odegrad/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEntries } from './engine-entries.ts';
import { describeRows } from './engine-rows.ts';
import { arraysOf, coefficient, tensor, tensors, type EngineContract } from './engine-trials.ts';

export type { EngineContract } from './engine-trials.ts';

/**
 * Registers the tests that the arithmetic of every engine must pass, against sums in float64 with the error
 * bound of its own roundoff; NaN, infinities and large finite values; that arguments are not touched, results are
 * new, and nothing else is made.
 */
export function describeEngine<A>(contract: EngineContract<A>): void {
  const { name, create, read, dispose } = contract;
  let engine: Engine<A>;
  const withArrays = arraysOf(() => engine, contract);
  const runs = { seed: 11, numRuns: 60 };

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

    it('scales errors by the tolerance and takes their root mean square, and the largest', () => {
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
            const largest = Math.max(...scaled.map(Math.abs));
            const most = engine.scaledMax(error!, y0!, y1!, { rtol, atol });
            expect(Math.abs(most - largest)).toBeLessThanOrEqual(8 * 2 * engine.roundoff * largest);
            return undefined;
          });
        }),
        runs,
      );
    });

    describeEntries(() => engine, withArrays, read);
    describeRows(() => engine, withArrays, contract);
  });
}
