import * as tableaux from '@odegrad/tableaux';
import { createFloat64Engine, float64Field, spiral, spiralSolution } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import { TableauError } from '../arguments/errors.ts';
import type { ButcherTableau } from '../types/tableau.ts';
import { denseOrder } from './continuous-extension.ts';
import { interpolantOf } from './interpolant.ts';
import { rungeKutta } from './runge-kutta.ts';
import { sizeOf, stageTime } from './span.ts';
import { verifyTableau } from './verify-tableau.ts';

const all = Object.values(tableaux).filter((value): value is ButcherTableau => 'b' in value);
const named = all.map((tableau) => [tableau.name, tableau] as const);
const extended = named.filter(([, { dense }]) => dense);

/** The state within a step of the spiral, as y₀ + h Σ wᵢ kᵢ. */
function within(tableau: ButcherTableau, t0: number, h: number, x: number): Float64Array {
  const field = float64Field(createFloat64Engine(), spiral);
  const span = { t0, t1: t0 + h };
  const y0 = spiralSolution(t0, 0.3);
  const step = rungeKutta(tableau).step(
    {
      engine: field.engine,
      at(of, node, y) {
        const t = stageTime(of, node);
        return { t, y, slope: field.evaluate(t, y) };
      },
    },
    span,
    [y0],
    { error: false },
  );
  const slopes = [...step.stages.map(({ slope }) => slope![0]!), field.evaluate(span.t1, step.y)[0]!];
  const interpolant = interpolantOf(tableau);
  const w = interpolant.slopes(interpolant.weights(x));
  return y0.map((start, j) => start + sizeOf(span) * slopes.reduce((sum, k, i) => sum + w[i]! * k[j]!, 0));
}

describe('continuous extensions', () => {
  it('are there for the pairs of order 5', () => {
    expect(extended.map(([name]) => name).sort()).toEqual(['cash_karp', 'dopri5', 'fehlberg45', 'tsit5']);
  });

  it.each(named)('of %s have the order that they claim, one step from the solution', (_, tableau) => {
    // The error of one step of size h is of order h^(q + 1).
    const errors = [1, 2, 3, 4].map((k) => {
      const h = 0.4 * 2 ** -k;
      return Math.max(
        ...[0.1, 0.3, 0.5, 0.8].map((x) => {
          const exact = spiralSolution(0.2 + x * h, 0.3);
          return Math.hypot(...within(tableau, 0.2, h, x).map((y, j) => y - exact[j]!));
        }),
      );
    });
    const slope = Math.log2(errors[2]! / errors[3]!);
    expect(slope).toBeGreaterThan(denseOrder(tableau) + 1 - 0.25);
  });

  it.each(named)('of %s hit both ends, with the slopes there', (_, tableau) => {
    const { weights, rates, slopes } = interpolantOf(tableau);
    const count = slopes(weights(0)).length;
    const unit = (at: number): number[] => Array.from({ length: count }, (__, i) => (i === at ? 1 : 0));
    expect(slopes(weights(0)).map((x) => x + 0)).toEqual(unit(-1));
    expect(weights(1)).toMatchObject({ start: 0, end: 1 });
    expect(slopes(rates(0)).map((x) => x + 0)).toEqual(unit(0));
    expect(slopes(rates(1)).map((x) => x + 0)).toEqual(unit(count - 1));
  });

  it.each(named)('of %s have rates that are the derivatives of the weights', (_, tableau) => {
    const { weights, rates, slopes } = interpolantOf(tableau);
    const eps = 1e-5;
    for (const x of [0.05, 0.4, 0.77]) {
      const [after, before] = [slopes(weights(x + eps)), slopes(weights(x - eps))];
      slopes(rates(x)).forEach((rate, i) => {
        expect(Math.abs((after[i]! - before[i]!) / (2 * eps) - rate)).toBeLessThan(1e-7);
      });
    }
  });

  it.each(extended)(
    'of %s are refused with any coefficient changed, and where more is claimed',
    (_, tableau) => {
      const { order, bumps } = tableau.dense!;
      expect(() => verifyTableau(tableau)).not.toThrow();
      bumps[0]!.forEach((_d, i) => {
        const changed = bumps[0]!.map((x, j) => (j === i ? x + 1e-9 * Math.max(1, Math.abs(x)) : x));
        expect(() => verifyTableau({ ...tableau, dense: { order, bumps: [changed] } })).toThrow(TableauError);
      });
      expect(() => verifyTableau({ ...tableau, dense: { order: 5, bumps } })).toThrow(/takes 2 bumps/);
      expect(() => verifyTableau({ ...tableau, dense: { order: 6, bumps } })).toThrow(
        /1 to the method's order 5/,
      );
    },
  );

  it.each([
    ['null', null],
    ['no bumps', { order: 3 }],
    ['a bump that is no list', { order: 3, bumps: [3] }],
    ['a bump of another length', { order: 3, bumps: [[1, 2]] }],
    ['an order that is no number', { order: 'four', bumps: [] }],
  ])('that are nonsense (%s) are refused with what to give', (_, dense) => {
    const tableau = { ...tableaux.dopri5, dense } as ButcherTableau;
    expect(() => verifyTableau(tableau)).toThrow(TableauError);
    expect(() => verifyTableau(tableau)).toThrow(/give/);
  });
});
