import { createFloat64Engine, float64Field, type HandWrittenField } from '@odegrad/testkit';
import { bosh3, dopri5 } from '@odegrad/tableaux';
import { describe, expect, it } from 'vitest';
import { pi } from './controllers.ts';
import { errorNorm } from './error-norm.ts';
import { ArgumentError } from '../arguments/errors.ts';
import { forward } from '../gradient/schedule.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import type { AdaptiveStepping, Norm } from '../types/stepping.ts';

const engine = createFloat64Engine();
const error = [Float64Array.of(3, -4), Float64Array.of(0.5)];
const y0 = [Float64Array.of(1, 1), Float64Array.of(-8)];
const y1 = [Float64Array.of(-2, 0), Float64Array.of(4)];
const measure = (stepping: Pick<AdaptiveStepping, 'rtol' | 'atol' | 'norm'>): number =>
  errorNorm(engine, stepping)(error, y0, y1);

describe('the error norm', () => {
  it('is the root mean square over all entries, whatever part they are in', () => {
    // Scales 1 + 2·½, 1 + 1·½ and 1 + 8·½.
    const scaled = [3 / 2, -4 / 1.5, 0.5 / 5];
    const mean = scaled.reduce((sum, x) => sum + x * x, 0) / 3;
    expect(measure({ rtol: 0.5, atol: 1 })).toBeCloseTo(Math.sqrt(mean), 14);
    expect(measure({ rtol: [0.5, 0.5], atol: [1, 1], norm: 'rms' })).toBe(measure({ rtol: 0.5, atol: 1 }));
    expect(measure({ rtol: 0.5, atol: 1, norm: 'max' })).toBeCloseTo(4 / 1.5, 14);
  });

  it('takes the tolerances of each part', () => {
    const tolerances = { rtol: [1, 0.25], atol: [2, 0] };
    // Scales 4, 3 and 2.
    const parts = [Math.sqrt((9 / 16 + 16 / 9) / 2), 0.5 / 2] as const;
    const seen: (readonly number[])[] = [];
    const norm: Norm = (byPart) => (seen.push(byPart), 7);
    expect(measure({ ...tolerances, norm })).toBe(7);
    expect(seen).toHaveLength(1);
    seen[0]!.forEach((x, i) => {
      expect(x).toBeCloseTo(parts[i]!, 14);
    });
    expect(measure({ ...tolerances, norm: 'max' })).toBeCloseTo(4 / 3, 14);
    expect(measure(tolerances)).toBeCloseTo(Math.sqrt((2 * parts[0] ** 2 + parts[1] ** 2) / 3), 14);
  });

  it('leaves out parts whose absolute tolerance is infinite', () => {
    const alone = errorNorm(engine, { rtol: 0.5, atol: 1 })([error[1]!], [y0[1]!], [y1[1]!]);
    for (const norm of ['rms', 'max', ([first, second]: readonly number[]) => first! + second!] as const) {
      expect(measure({ rtol: 0.5, atol: [Infinity, 1], norm })).toBe(alone);
    }
    const bad = [y0[0]!, Float64Array.of(NaN)];
    expect(errorNorm(engine, { rtol: 0, atol: [1, Infinity] })(bad, y0, y1)).toBe(1);
  });

  it.each<Norm>(['rms', 'max', () => 0])('is infinite where an error is not finite: %s', (norm) => {
    const bad = [error[0]!, Float64Array.of(NaN)];
    expect(errorNorm(engine, { rtol: 1, atol: 1, norm })(bad, y0, y1)).toBe(Infinity);
  });

  it.each([NaN, -1, undefined, '1'])('refuses a function that gives %s', (answer) => {
    const ask = (): number => measure({ rtol: 1, atol: 1, norm: () => answer as number });
    expect(ask).toThrow(ArgumentError);
    expect(ask).toThrow(/`norm` must give a number ≥ 0 for the scaled errors by part, \[.*, .*\], not/);
  });
});

describe('steps by tolerances of parts', () => {
  // Two oscillators that are coupled, the second in units a thousand times as small where `unit` is 1000.
  const coupled = (unit: number): HandWrittenField => ({
    parameters: [],
    value: (_t, y) => {
      const [p, q, v, w] = [y[0]!, y[1]!, y[2]! / unit, y[3]! / unit];
      return Float64Array.of(q, -Math.sin(p) + 0.1 * v, unit * w, unit * (-9 * v + 0.2 * p));
    },
    pullback: () => {
      throw new Error('Nobody asks.');
    },
  });
  const solve = (unit: number, stepping: Partial<AdaptiveStepping>, tableau = dopri5): readonly number[] => {
    const ends: number[] = [];
    const solution = forward.solve(
      {
        field: float64Field(engine, coupled(unit), { parts: [2, 2] }),
        y0: [Float64Array.of(1, 0), Float64Array.of(0.5 * unit, 0)],
        ts: [0, 3],
      },
      {
        solver: rungeKutta(tableau),
        stepping: { rtol: 1e-5, atol: 1e-7, controller: pi, ...stepping },
        onStep: ({ t }) => ends.push(t),
      },
    );
    const [first, second] = solution.ys[1]!;
    const numbers = [...first!, ...second!.map((x) => x / unit), ...ends];
    solution.release();
    expect(engine.live()).toBe(0);
    return numbers;
  };

  it.each<Norm>(['rms', 'max', (parts) => Math.max(...parts)])(
    'are those of the problem in other units: %s',
    (norm) => {
      // Powers of two scale without rounding.
      const [plain, rescaled] = [solve(1, { norm }), solve(1024, { norm, atol: [1e-7, 1024 * 1e-7] })];
      expect(rescaled).toEqual(plain);
      expect(solve(1024, { norm })).not.toEqual(plain);
    },
  );

  it('are the same where all parts have the same, and another number where one is tighter', () => {
    expect(solve(1, { rtol: [1e-5, 1e-5], atol: [1e-7, 1e-7] })).toEqual(solve(1, {}));
    const loose = solve(1, { rtol: [1e-3, 1e-3], atol: [1e-3, 1e-3] }, bosh3).length;
    const tight = solve(1, { rtol: [1e-3, 1e-8], atol: [1e-3, 1e-8] }, bosh3).length;
    expect(tight).toBeGreaterThan(5 * loose);
  });
});
