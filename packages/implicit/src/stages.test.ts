import { forward, type Solver, type State } from '@odegrad/core';
import { createFloat64Engine, float64Field, splitVector, type HandWrittenField } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import plugin, { gauss4, implicitRungeKutta } from './index.ts';

const solvers = plugin.solvers as readonly Solver[];

/** x′ = 20 t + sin 6x, which leaves zero without a slope, and z′ = (1 + sin(3x) / 1000) z beside it. */
const fromRest: HandWrittenField = {
  parameters: [],
  value: (t, [x, z]) => Float64Array.of(20 * t + Math.sin(6 * x!), (1 + Math.sin(3 * x!) / 1000) * z!),
  pullback: (_t, [x, z], _p, [k, l]) => ({
    t: 20 * k!,
    y: Float64Array.of(
      6 * Math.cos(6 * x!) * k! + 0.003 * Math.cos(3 * x!) * z! * l!,
      (1 + Math.sin(3 * x!) / 1000) * l!,
    ),
    parameters: [],
  }),
};

/** y′ᵢ = g(y_{n−1−i}, yᵢ): entry i meets the one with which it makes n − 1, of which numbers in base 2 have all digits different. */
const mirrored = (
  g: (other: number, own: number) => readonly [value: number, byOther: number, byOwn: number],
): HandWrittenField => ({
  parameters: [],
  value: (_t, y) => y.map((own, i) => g(y.at(-1 - i)!, own)[0]),
  pullback: (_t, y, _p, k) => ({
    t: 0,
    y: y.map((own, i) => k[i]! * g(y.at(-1 - i)!, own)[2] + k.at(-1 - i)! * g(own, y.at(-1 - i)!)[1]),
    parameters: [],
  }),
});

interface Found {
  readonly t: number;
  readonly y: Float64Array;
  readonly slope: Float64Array;
}

/** A copy of all stages of the steps of a solve. */
function stagesOf(
  solver: Solver,
  field: HandWrittenField,
  y0: Float64Array,
  ts: readonly number[],
  numSteps: number,
  parts = [y0.length],
): Found[] {
  const found: Found[] = [];
  const join = (y: State<unknown>): Float64Array =>
    Float64Array.from((y as Float64Array[]).flatMap((part) => [...part]));
  const watched: Solver = {
    ...solver,
    forSolve(settings) {
      const own = solver.forSolve!(settings);
      return {
        ...own,
        step(...of) {
          const step = own.step(...of);
          for (const { t, y, slope } of step.stages) found.push({ t, y: join(y), slope: join(slope!) });
          return step;
        },
      };
    },
  };
  const engine = createFloat64Engine();
  const problem = { field: float64Field(engine, field, { parts }), y0: splitVector(y0, parts), ts };
  forward.solve(problem, { solver: watched, stepping: { numSteps } }).release();
  return found;
}

describe.each(solvers.map((solver) => [solver.name, solver] as const))('%s', (_, solver) => {
  it.each([0, 1e-6, 1e6])('solves to rounding what leaves zero without a slope, beside %d', (beside) => {
    const stages = stagesOf(solver, fromRest, Float64Array.of(0, beside), [0, 0.6], 3, [1, 1]);
    expect(stages).toHaveLength(3 * solver.stages);
    for (const { t, y, slope } of stages)
      fromRest.value(t, y, []).forEach((value, i) => {
        expect(Math.abs(value - slope[i]!)).toBeLessThanOrEqual(1e-14 * Math.abs(value));
      });
  });
});

describe('entries of which it does not show at once that they meet', () => {
  const meeting: readonly [string, HandWrittenField, Float64Array][] = [
    [
      'only by pairs',
      mirrored((x, y) => [300 * (Math.sin(x) - y), 300 * Math.cos(x), -300]),
      Float64Array.from({ length: 16 }, (_, i) => Math.sin(3 * i + 1)),
    ],
    [
      'only after the start',
      mirrored((x, y) => [20 - 10 * y - 3000 * x * x, -6000 * x, -10]),
      new Float64Array(4),
    ],
  ];
  it.each(meeting)('are solved for together: %s', (_, field, y0) => {
    const stages = stagesOf(implicitRungeKutta(gauss4), field, y0, [0, 0.03], 1);
    expect(stages).toHaveLength(2);
    for (const { t, y, slope } of stages) {
      const value = field.value(t, y, []);
      const largest = Math.max(...y.map(Math.abs)) * 300;
      value.forEach((x, i) => {
        expect(Math.abs(x - slope[i]!)).toBeLessThan(1e-13 * largest);
      });
    }
  });
});

describe('a part beside one of another size', () => {
  /** A large a beside b, whose slope is `g` of both. */
  const beside = (
    g: (a: number, b: number) => readonly [value: number, byA: number, byB: number],
  ): HandWrittenField => ({
    parameters: [],
    value: (_t, [a, b]) => Float64Array.of(-a! / 100, g(a!, b!)[0]),
    pullback: (_t, [a, b], _p, [k, l]) => {
      const [, byA, byB] = g(a!, b!);
      return { t: 0, y: Float64Array.of(-k! / 100 + byA * l!, byB * l!), parameters: [] };
    },
  });
  const solver = implicitRungeKutta(gauss4);

  it('is not taken for solved by the rounding of the other', () => {
    const steep = beside((_, b) => [-50 * Math.atan(30 * (b - 1)), 0, -1500 / (1 + 900 * (b - 1) ** 2)]);
    expect(() => stagesOf(solver, steep, Float64Array.of(1e15, 1e-6), [0, 1], 40, [1, 1])).toThrow(
      expect.objectContaining({ code: 'no-convergence' }),
    );
  });

  it('is solved as far as that rounding lets it', () => {
    const fed = beside((a, b) => [a - 1e9 - 100 * Math.sin(b), 1, -100 * Math.cos(b)]);
    const stages = stagesOf(solver, fed, Float64Array.of(1e9, 1), [0, 1e-6], 2, [1, 1]);
    expect(stages).toHaveLength(4);
    for (const { t, y, slope } of stages)
      expect(Math.abs(fed.value(t, y, [])[1]! - slope[1]!)).toBeLessThan(1e-5);
  });
});
