import { dopri5, rk4, tsit5 } from '@odegrad/tableaux';
import { createFloat64Engine, float64Field, type HandWrittenField } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { integral, pi, pid } from './controllers.ts';
import { SolveError } from '../arguments/errors.ts';
import { createLedger } from '../memory/ledger.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { forward } from '../gradient/schedule.ts';
import type { Method } from '../types/problem.ts';
import type { StepSizeController } from '../types/stepping.ts';

const scalarFields = (...values: ((t: number, y: number) => number)[]): HandWrittenField => ({
  parameters: [],
  value: (t, y) => Float64Array.from(values, (f, i) => f(t, y[i]!)),
  pullback: () => {
    throw new Error('Nothing is pulled back here.');
  },
});

/** Solves from ones; gives the last state, or the error, and the attempts that it took. */
function attempt(
  field: HandWrittenField,
  ts: readonly number[],
  method: Partial<Method>,
  entries = 1,
): { y?: Float64Array; error?: unknown; attempts: number } {
  const engine = createFloat64Engine();
  const ledger = createLedger();
  const y0 = [new Float64Array(entries).fill(1)];
  const stepping = { rtol: 1e-4, atol: 1e-6, controller: pi };
  let result: { y?: Float64Array; error?: unknown };
  try {
    const problem = { field: float64Field(engine, field, { parts: [entries] }), y0, ts };
    const solution = forward.solve(problem, { solver: rungeKutta(dopri5), stepping, ledger, ...method });
    result = { y: solution.ys.at(-1)![0]!.slice() };
    solution.release();
  } catch (error) {
    result = { error };
  }
  expect(engine.live()).toBe(0);
  return { ...result, attempts: ledger.accepted + ledger.rejected };
}

const adaptive = (rtol: number, controller: StepSizeController): Partial<Method> => ({
  stepping: { rtol, atol: rtol / 100, controller },
});

describe('a solution that outgrows its numbers', () => {
  const growth = (rate: number): HandWrittenField => scalarFields((_, y) => rate * Math.max(0, y));
  const overflow = (rate: number): number => Math.log(Number.MAX_VALUE / rate) / rate;

  it.each([
    ['pi', pi],
    ['integral', integral],
    ['a pid that grows fast', pid({ maxFactor: 50, minFactor: 0.1 })],
  ])('is `non-finite` soon, with controller %s, at any rate and tolerance', (_, controller) => {
    for (const rate of [3, 300]) {
      const t = overflow(rate);
      for (const [rtol, solver] of [
        [1e-3, dopri5],
        [1e-6, tsit5],
      ] as const) {
        const method = { ...adaptive(rtol, controller), solver: rungeKutta(solver) };
        const { error, attempts } = attempt(growth(rate), [0, 2 * t], method);
        expect(error).toBeInstanceOf(SolveError);
        expect(error).toMatchObject({ code: 'non-finite' });
        expect(Math.abs((error as SolveError).t - t) / t).toBeLessThan(2e-2);
        // As many steps as the growth takes anyway, and few at the end.
        const { attempts: before } = attempt(growth(rate), [0, t - 2 / rate], method);
        expect(attempts - before).toBeLessThan(500);
      }
    }
  });

  it('is so backward in time, and beside parts that go on', () => {
    const both = scalarFields(
      (_, y) => -30 * Math.max(0, y),
      () => -1,
    );
    const { error, attempts } = attempt(both, [0, -100], {}, 2);
    expect(error).toMatchObject({ code: 'non-finite' });
    expect((error as SolveError).message).toContain('No step gets past t = -23.');
    expect(attempts).toBeLessThan(5000);
  });

  it('is so with constant steps long before the output time', () => {
    let evaluations = 0;
    const counted = scalarFields((_, y) => ((evaluations += 1), 100 * y));
    for (const stepping of [{ numSteps: 100_000 }, { stepSize: 0.1 }]) {
      evaluations = 0;
      const { error } = attempt(counted, [0, 10_000], { solver: rungeKutta(rk4), stepping });
      expect(error).toMatchObject({ code: 'non-finite', t: 12.8 });
      expect(evaluations).toBe(4 * 128);
    }
  });
});

describe('steps that were merely too long', () => {
  const bursts = (t: number): number => (Math.abs((t % 1) - 0.5) < 0.05 ? 1e10 : 1e-3);

  it('are made shorter, as often as need be', () => {
    // Long steps overflow in their first stages; the solution is (1 + 8 K)^(−1/8), K the integral of k.
    for (const [k, integralOfK] of [
      [() => 1e8, 1e8 * 4],
      [bursts, 4 * (0.1 * 1e10 + 0.9e-3)],
    ] as const) {
      const field = scalarFields((t, y) => -k(t) * y ** 9);
      const { y, error } = attempt(field, [0, 4], {
        stepping: { rtol: 1e-6, atol: 1e-9, controller: pi, firstStep: 1, maxStep: 0.05 },
      });
      expect(error).toBeUndefined();
      expect(y![0]!).toBeCloseTo((1 + 8 * integralOfK) ** (-1 / 8), 4);
    }
  });
});
