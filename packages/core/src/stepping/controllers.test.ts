import { dopri5 } from '@odegrad/tableaux';
import { createFloat64Engine, float64Field, spiral, spiralSolution } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { integral, pi, pid } from './controllers.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { forward } from '../gradient/schedule.ts';
import type { StepSizeController } from '../types/stepping.ts';

describe('the PID controller', () => {
  it('takes the powers of the three errors that Söderlind gives', () => {
    const [p, i, d, safety, q] = [0.3, 0.4, 0.1, 0.8, 5];
    const { next } = pid({ p, i, d, safety });
    const [e0, e1, e2] = [0.5, 0.2, 0.7];
    const { factor } = next([e0, e1, e2], q);
    expect(factor).toBeCloseTo(
      safety * e0 ** (-(p + i + d) / q) * e1 ** ((p + 2 * d) / q) * e2 ** (-d / q),
      14,
    );
    // Before there is a history, its errors count as 1.
    expect(next([e0], q).factor).toBeCloseTo(safety * e0 ** (-(p + i + d) / q), 14);
    expect(next([e0, e1], q).factor).toBeCloseTo(
      safety * e0 ** (-(p + i + d) / q) * e1 ** ((p + 2 * d) / q),
      14,
    );
  });

  it('keeps steady where errors stay at the tolerance, up to its safety', () => {
    for (const controller of [pi, integral, pid({ p: 0.2, i: 0.2, d: 0.2 })]) {
      expect(controller.next([1, 1, 1], 5).factor).toBeCloseTo(0.9, 14);
    }
  });

  it('shrinks a rejected step by its own error alone', () => {
    for (const controller of [pi, integral, pid({ d: 0.1 })]) {
      const expected = 0.9 * 3 ** (-1 / 5);
      expect(controller.next([3], 5).factor).toBeCloseTo(expected, 14);
      expect(controller.next([3, 1e-6, 1e6], 5).factor).toBeCloseTo(expected, 14);
    }
  });

  it('keeps its factors within bounds', () => {
    for (const controller of [pi, integral]) {
      expect(controller.next([0], 2).factor).toBe(10);
      expect(controller.next([Infinity], 2)).toEqual({ accept: false, factor: 0.2 });
      expect(controller.next([1e300], 2).factor).toBe(0.2);
    }
    const narrow = pid({ minFactor: 0.5, maxFactor: 2 });
    expect(narrow.next([1e-9], 5).factor).toBe(2);
    expect(narrow.next([1e9], 5).factor).toBe(0.5);
  });

  it('is integral with i = 1 alone', () => {
    for (const norm of [0.01, 0.5, 1, 2]) {
      expect(integral.next([norm, 0.3], 5).factor).toBeCloseTo(0.9 * norm ** (-1 / 5), 14);
    }
  });

  it('has a name', () => {
    expect([pi.name, integral.name, pid().name, pid({ name: 'mine' }).name]).toEqual([
      'pi',
      'integral',
      'pid',
      'mine',
    ]);
  });
});

describe('what controllers do to a solve', () => {
  /** Sizes of the accepted steps of a solve to which the tolerance matters. */
  const sizes = (controller: StepSizeController): number[] => {
    const taken: number[] = [];
    forward.solve(
      { field: float64Field(createFloat64Engine(), spiral), y0: [spiralSolution(0, 0.3)], ts: [0, 20] },
      {
        solver: rungeKutta(dopri5),
        stepping: { rtol: 1e-6, atol: 1e-6, controller },
        onStep: ({ h }) => taken.push(h),
      },
    );
    return taken.slice(2, -1);
  };
  const roughness = (list: number[]): number =>
    list.slice(1).reduce((sum, h, i) => sum + Math.abs(Math.log(h / list[i]!)), 0) / list.length;

  it('PI control takes smoother steps than integral control', () => {
    expect(roughness(sizes(pi))).toBeLessThan(roughness(sizes(integral)));
  });
});
