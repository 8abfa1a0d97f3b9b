import { forward, pi, type ButcherTableau, type Method } from '@odegrad/core';
import { symplectic } from '@odegrad/grad-symplectic';
import {
  createFloat64Engine,
  fisher,
  float64Field,
  hires,
  robertson,
  runTrial,
  vanDerPol,
  type HandWrittenField,
  type StiffProblem,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import { implicitRungeKutta, kvaerno3, kvaerno5, trbdf2 } from './index.ts';
import { factorize } from './linear/lu.ts';

const problems: readonly (readonly [string, StiffProblem, atol: number])[] = [
  ['Robertson to 10¹¹', robertson, 1e-5],
  ['HIRES', hires, 1e-2],
  ['van der Pol with μ = 10³', vanDerPol, 1],
];

/** A field by the logarithms of its parameters, which may be far apart. */
function relative(field: HandWrittenField): HandWrittenField {
  const moved = (p: readonly Float64Array[]): Float64Array[] =>
    p.map((x, i) => x.map((by, j) => Math.exp(by) * field.parameters[i]![j]!));
  return {
    parameters: field.parameters.map((x) => new Float64Array(x.length)),
    value: (t, y, p) => field.value(t, y, moved(p)),
    pullback(t, y, p, k) {
      const parameters = moved(p);
      const pulled = field.pullback(t, y, parameters, k);
      return {
        ...pulled,
        parameters: pulled.parameters.map((x, i) => x.map((g, j) => g * parameters[i]![j]!)),
      };
    },
  };
}

/** y at the end and its derivative along a direction of the parameters, by whole Newton steps and tangents that are carried forward. */
function carried(
  { a, b, c }: ButcherTableau,
  { value, pullback, parameters }: HandWrittenField,
  y0: Float64Array,
  grid: readonly number[],
  direction: Float64Array,
): { y: Float64Array; tangent: Float64Array } {
  const n = y0.length;
  const plus = (
    base: Float64Array,
    h: number,
    weights: readonly number[],
    ks: readonly Float64Array[],
  ): Float64Array => base.map((x, m) => ks.reduce((sum, k, j) => sum + h * weights[j]! * k[m]!, x));
  let [y, tangent]: [Float64Array, Float64Array] = [y0, new Float64Array(n)];
  grid.slice(1).forEach((t1, step) => {
    const t0 = grid[step]!;
    const h = t1 - t0;
    const [ks, dots]: [Float64Array[], Float64Array[]] = [[], []];
    a.forEach((row, i) => {
      const t = t0 + c[i]! * h;
      const [base, baseDot] = [plus(y, h, row.slice(0, i), ks), plus(tangent, h, row.slice(0, i), dots)];
      const at = (k: Float64Array): Float64Array => plus(base, h, [row[i]!], [k]);
      const derivative = (k: Float64Array): ReturnType<HandWrittenField['pullback']>[] =>
        Array.from({ length: n }, (_, m) =>
          pullback(
            t,
            at(k),
            parameters,
            Float64Array.from({ length: n }, (__, l) => Number(l === m)),
          ),
        );
      const matrix = (rows: readonly { y: Float64Array }[]): Float64Array =>
        Float64Array.from({ length: n * n }, (_, e) => {
          const [m, l] = [Math.floor(e / n), e % n];
          return Number(m === l) - h * row[i]! * rows[m]!.y[l]!;
        });
      let k = ks[i - 1] ?? value(t, y, parameters);
      for (let round = 0; round < 12; round++) {
        const residual = value(t, at(k), parameters).map((x, m) => x - k[m]!);
        factorize(matrix(derivative(k)), n)!.solve(residual);
        k = k.map((x, m) => x + residual[m]!);
        if (k.every((x, m) => Math.abs(residual[m]!) <= 1e-15 * Math.abs(x))) break;
      }
      const rows = derivative(k);
      const right = Float64Array.from(rows, ({ y: gradient, parameters: [p] }) => {
        const along = gradient.reduce((sum, x, m) => sum + x * baseDot[m]!, 0);
        return p!.reduce((sum, x, m) => sum + x * direction[m]!, along);
      });
      ks.push(k);
      dots.push(factorize(matrix(rows), n)!.solve(right));
    });
    [y, tangent] = [plus(y, h, b, ks), plus(tangent, h, b, dots)];
  });
  return { y, tangent };
}

describe.each(problems)('%s', (_, { field, y0, ts, end }, scale) => {
  it.each([
    [trbdf2, 1e-4, 2e-2],
    [kvaerno3, 1e-4, 2e-3],
    [kvaerno5, 1e-7, 1e-5],
  ] as const)('is solved by $name', (tableau, rtol, bound) => {
    const method: Method = {
      solver: implicitRungeKutta(tableau),
      stepping: { rtol, atol: rtol * scale, controller: pi },
    };
    const engine = createFloat64Engine();
    const { ys, stats, release } = forward.solve(
      { field: float64Field(engine, field), y0: [y0], ts },
      method,
    );
    const errors = end.map((x, i) => Math.abs(ys[1]![0]![i]! / x - 1));
    expect(Math.max(...errors)).toBeLessThan(bound);
    // Explicit steps would be millions.
    expect(stats.accepted).toBeLessThan(4000);
    release();
    expect(engine.live()).toBe(0);
  });

  it.each([
    [trbdf2, 1e-2],
    [kvaerno3, 1e-3],
    [kvaerno5, 1e-4],
  ] as const)('has the gradient of the discrete solution with $name', (tableau, rtol) => {
    const solver = implicitRungeKutta(tableau, { residual: 0 });
    const trial = { field: relative(field), y0, ts, timeGradients: false };
    const cotangents = [undefined, Float64Array.from(end, (x) => 1 / x)];
    const { steps, gradient, ys } = runTrial(symplectic, {
      ...trial,
      cotangents,
      method: { solver, stepping: { rtol, atol: rtol * scale, controller: pi } },
    });
    const [p] = gradient.parameters as [Float64Array];
    const direction = p.map((__, i) => Math.cos(i + 1));
    const grid = [ts[0], ...steps.map(({ t1 }) => t1)];
    const along = (tangent: Float64Array): number =>
      tangent.reduce((sum, x, i) => sum + x * cotangents[1]![i]!, 0);
    const { y, tangent } = carried(tableau, trial.field, y0, grid, direction);
    const slope = along(tangent);
    // What one rounding of y0 does to it, no gradient can resolve: much, where the solution jumps.
    const roundings = [2e-16, 4e-16].map((by) => {
      const nudged = y0.map((x) => x * (1 + by));
      return Math.abs(along(carried(tableau, trial.field, nudged, grid, direction).tangent) - slope);
    });
    const size = p.reduce((sum, x) => sum + Math.abs(x), 0);
    const error = Math.abs(p.reduce((sum, x, i) => sum + x * direction[i]!, 0) - slope);
    expect(error).toBeLessThan(1e-11 * size + 4 * Math.max(...roundings));
    expect(Math.max(...roundings) / size).toBeLessThan(1e-4);
    y.forEach((x, i) => {
      expect(Math.abs(x / ys[1]![i]! - 1)).toBeLessThan(1e-8);
    });
  });
});

it('solves a reaction and diffusion on a line of 200 points, by matrices and by GMRES alike', () => {
  const n = 200;
  const y0 = Float64Array.from({ length: n }, (_, i) => Math.exp(-((i / 20 - 2) ** 2)));
  const solve = (dense: number): ReturnType<typeof runTrial> =>
    runTrial(symplectic, {
      field: fisher(n, 400, 1),
      y0,
      ts: [0, 0.5],
      timeGradients: false,
      method: {
        solver: implicitRungeKutta(kvaerno5, { residual: 0, dense }),
        stepping: { rtol: 1e-4, atol: 1e-4, controller: pi },
      },
    });
  const [byMatrices, byProducts] = [solve(512), solve(1)];
  for (const [i, x] of byMatrices.ys[1]!.entries())
    expect(Math.abs(x - byProducts.ys[1]![i]!)).toBeLessThan(1e-12);
  const largest = Math.max(...byMatrices.gradient.y0.map(Math.abs));
  byMatrices.gradient.y0.forEach((x, i) => {
    expect(Math.abs(x - byProducts.gradient.y0[i]!)).toBeLessThan(1e-11 * largest);
  });
});
