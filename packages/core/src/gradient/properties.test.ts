import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux, { dopri5, rk4 } from '@odegrad/tableaux';
import {
  flatten,
  neuralField,
  noiseVector,
  relativeError,
  runTrial,
  type HandWrittenField,
  type Trial,
} from '@odegrad/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pi } from '../stepping/controllers.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import type { Method } from '../types/problem.ts';

const solvers = tableaux.tableaux!.map(rungeKutta);
const runs = (seed: number) => ({ seed, numRuns: 60 });
const seeds = fc.integer({ min: 1, max: 10_000 });

/** Exact in float64 as long as sums of a few of them are: times whose shifts and halves round nothing. */
const dyadic = fc.integer({ min: -64, max: 64 }).map((n) => n / 32);
const times = fc
  .uniqueArray(dyadic, { minLength: 2, maxLength: 5 })
  .chain((list) => fc.boolean().map((up) => list.toSorted((a, b) => (up ? a - b : b - a))));
const fixed: fc.Arbitrary<Method> = fc.record({
  solver: fc.constantFrom(...solvers),
  stepping: fc.record({ numSteps: fc.constantFrom(1, 2, 4) }),
});
const adaptive: fc.Arbitrary<Method> = fc
  .tuple(
    fc.constantFrom(...solvers.filter((s) => s.embeddedOrder !== undefined)),
    fc.constantFrom(1e-2, 1e-4),
  )
  .map(([solver, tolerance]) => ({
    solver,
    stepping: { rtol: tolerance, atol: tolerance, controller: pi },
  }));

const make = (
  seed: number,
  ts: readonly number[],
  method: Method,
  field = neuralField(2, 2, seed),
): Trial => ({
  field,
  y0: noiseVector(seed + 5, 2),
  ts,
  method,
});

/** The field that sees time `by` earlier. */
const later = (field: HandWrittenField, by: number): HandWrittenField => ({
  ...field,
  value: (t, y, p) => field.value(t - by, y, p),
  pullback: (t, y, p, k) => field.pullback(t - by, y, p, k),
});

/** The field that runs `rate` times as fast. */
const faster = (field: HandWrittenField, rate: number): HandWrittenField => ({
  ...field,
  value: (t, y, p) => field.value(t * rate, y, p).map((x) => rate * x),
  pullback(t, y, p, k) {
    const pulled = field.pullback(
      t * rate,
      y,
      p,
      k.map((x) => rate * x),
    );
    return { ...pulled, t: rate * pulled.t };
  },
});

describe('a solve and its gradient', () => {
  it('are the same wherever time begins', () => {
    fc.assert(
      fc.property(seeds, times, fixed, dyadic, (seed, ts, method, by) => {
        const here = make(seed, ts, method);
        const there = { ...here, field: later(here.field, by), ts: ts.map((t) => t + by) };
        const [a, b] = [runTrial(symplectic, here), runTrial(symplectic, there)];
        // With three equal steps in four the grid is dyadic too; the stages' times are rounded where they fall.
        a.ys.forEach((y, i) => y.forEach((x, m) => expect(b.ys[i]![m]).toBeCloseTo(x, 13)));
        expect(relativeError(b.gradient, a.gradient)).toBeLessThan(1e-12);
      }),
      runs(5),
    );
  });

  it('are mirrored where time is, bit by bit', () => {
    const mirrored = ({ value, pullback, ...field }: HandWrittenField): HandWrittenField => ({
      ...field,
      value: (t, y, p) => value(-t, y, p).map((x) => -x),
      pullback(t, y, p, k) {
        const pulled = pullback(
          -t,
          y,
          p,
          k.map((x) => -x),
        );
        return { ...pulled, t: -pulled.t };
      },
    });
    fc.assert(
      fc.property(seeds, times, fc.oneof(fixed, adaptive), (seed, ts, method) => {
        const here = make(seed, ts, method);
        const there = { ...here, field: mirrored(here.field), ts: ts.map((t) => -t) };
        const [a, b] = [runTrial(symplectic, here), runTrial(symplectic, there)];
        const plus0 = (list: Iterable<number>): number[] => Array.from(list, (x) => x + 0);
        expect(b.ys.flatMap(plus0)).toEqual(a.ys.flatMap(plus0));
        expect(plus0(flatten({ ...b.gradient, ts: b.gradient.ts.map((t) => -t) }))).toEqual(
          plus0(flatten(a.gradient)),
        );
        expect(b.stats).toEqual(a.stats);
      }),
      runs(6),
    );
  });

  it('are the same at any speed, with times and steps to match', () => {
    fc.assert(
      fc.property(seeds, times, fixed, fc.constantFrom(0.25, 0.5, 2, 8), (seed, ts, method, rate) => {
        const here = make(seed, ts, method);
        const there = { ...here, field: faster(here.field, rate), ts: ts.map((t) => t / rate) };
        const [a, b] = [runTrial(symplectic, here), runTrial(symplectic, there)];
        // Powers of two round nothing.
        expect(b.ys).toEqual(a.ys);
        const expected = { ...a.gradient, ts: a.gradient.ts.map((t) => t * rate) };
        expect(relativeError(b.gradient, expected)).toBeLessThan(1e-14);
      }),
      runs(7),
    );
  });

  it('are those of the pieces that an interval is split into, for equal steps', () => {
    fc.assert(
      fc.property(seeds, times, fixed, (seed, ts, method) => {
        const whole = make(seed, ts, method);
        const k = noiseVector(seed + 9, 2);
        const only = (length: number, last: Float64Array) =>
          Array.from({ length }, (_, i) => (i === length - 1 ? last : undefined));
        const together = runTrial(symplectic, { ...whole, cotangents: only(ts.length, k) });
        let y = whole.y0;
        const pieces: Trial[] = ts.slice(1).map((tb, i) => {
          const piece = { ...whole, y0: y, ts: [ts[i]!, tb] };
          y = runTrial(symplectic, piece).ys[1]!;
          expect(y).toEqual(together.ys[i + 1]);
          return piece;
        });
        let cotangent = k;
        const parameters = whole.field.parameters.map((p) => p.map(() => 0));
        const tsBar = ts.map(() => 0);
        pieces.reverse().forEach((piece, back) => {
          const { gradient } = runTrial(symplectic, { ...piece, cotangents: [undefined, cotangent] });
          cotangent = gradient.y0;
          gradient.parameters.forEach((p, m) => p.forEach((x, e) => (parameters[m]![e]! += x)));
          const at = pieces.length - 1 - back;
          tsBar[at]! += gradient.ts[0]!;
          tsBar[at + 1]! += gradient.ts[1]!;
        });
        expect(relativeError({ y0: cotangent, parameters, ts: tsBar }, together.gradient)).toBeLessThan(
          1e-13,
        );
      }),
      runs(8),
    );
  });

  it('take no notice of output times that lie on the grid anyway', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(...solvers), dyadic, (seed, solver, t0) => {
        const k = noiseVector(seed + 9, 2);
        const coarse: Trial = {
          ...make(seed, [t0, t0 + 1], { solver, stepping: { numSteps: 4 } }),
          cotangents: [undefined, k],
        };
        const fine: Trial = {
          ...coarse,
          ts: [t0, t0 + 0.25, t0 + 0.5, t0 + 1],
          method: { solver, stepping: { stepSize: 0.25 } },
          cotangents: [undefined, undefined, undefined, k],
        };
        const [a, b] = [runTrial(backprop, coarse), runTrial(backprop, fine)];
        expect(b.ys[3]).toEqual(a.ys[1]);
        expect(b.gradient.y0).toEqual(a.gradient.y0);
        expect(b.gradient.parameters).toEqual(a.gradient.parameters);
      }),
      runs(9),
    );
  });

  it('are linear in the cotangents', () => {
    fc.assert(
      fc.property(seeds, times, fc.oneof(fixed, adaptive), (seed, ts, method) => {
        const trial = make(seed, ts, method);
        const [one, two] = [10, 40].map((s) => ts.map((_, i) => noiseVector(seed + s + i, 2))) as [
          Float64Array[],
          Float64Array[],
        ];
        const sum = one.map((k, i) => k.map((x, m) => 2 * x - 3 * two[i]![m]!));
        const [a, b, c] = [one, two, sum].map((cotangents) =>
          flatten(runTrial(symplectic, { ...trial, cotangents }).gradient),
        ) as [number[], number[], number[]];
        const scale = Math.max(...a.map(Math.abs), ...b.map(Math.abs), 1);
        c.forEach((x, i) => expect(Math.abs(x - (2 * a[i]! - 3 * b[i]!))).toBeLessThan(1e-12 * scale));
      }),
      runs(10),
    );
  });

  it('with respect to time sum to what shifting time changes: nothing, for an autonomous field', () => {
    const autonomous = (seed: number): HandWrittenField => {
      const field = neuralField(2, 2, seed);
      return {
        ...field,
        value: (_, y, p) => field.value(0.3, y, p),
        pullback: (_, y, p, k) => ({ ...field.pullback(0.3, y, p, k), t: 0 }),
      };
    };
    fc.assert(
      fc.property(seeds, times, fc.oneof(fixed, adaptive), (seed, ts, method) => {
        const { gradient } = runTrial(symplectic, make(seed, ts, method, autonomous(seed)));
        const scale = Math.max(...gradient.ts.map(Math.abs), 1);
        expect(Math.abs(gradient.ts.reduce((sum, t) => sum + t, 0))).toBeLessThan(1e-12 * scale);
      }),
      runs(11),
    );
  });
});

describe('adaptive solves', () => {
  it('keep as many states as they accept steps: rejected ones leave nothing', () => {
    fc.assert(
      fc.property(seeds, times, fc.constantFrom(1, 4, 30), (seed, ts, firstStep) => {
        const stepping = { rtol: 1e-6, atol: 1e-8, controller: pi, firstStep };
        const { forward, steps } = runTrial(
          symplectic,
          make(seed, ts, { solver: rungeKutta(dopri5), stepping }),
        );
        expect(steps.length).toBe(forward.accepted);
        expect(forward.keptStateBytes).toBe(16 * forward.accepted);
      }),
      runs(12),
    );
  });

  it('give the gradient of fixed steps where every step is accepted at the same size', () => {
    const always = { name: 'always', next: () => ({ accept: true, factor: 1 }) };
    const solver = rungeKutta(dopri5);
    fc.assert(
      fc.property(seeds, (seed) => {
        const stepping = { rtol: 1, atol: 1, controller: always, firstStep: 0.25 };
        const free = make(seed, [0, 1, 2], { solver, stepping });
        const bound = { ...free, method: { solver, stepping: { numSteps: 4 } } };
        const [a, b] = [runTrial(symplectic, free), runTrial(symplectic, bound)];
        expect(a.ys).toEqual(b.ys);
        expect(a.gradient.y0).toEqual(b.gradient.y0);
        expect(a.gradient.parameters).toEqual(b.gradient.parameters);
        // The two differ in which ends move with an output time, and so do the gradients with respect to them.
        expect(a.gradient.ts).not.toEqual(b.gradient.ts);
      }),
      { seed: 13, numRuns: 10 },
    );
  });

  it('have rk4 say that it cannot', () => {
    const stepping = { rtol: 1e-3, atol: 1e-3, controller: pi };
    expect(() => runTrial(symplectic, make(1, [0, 1], { solver: rungeKutta(rk4), stepping }))).toThrow(
      "Solver 'rk4' estimates no error",
    );
  });
});
