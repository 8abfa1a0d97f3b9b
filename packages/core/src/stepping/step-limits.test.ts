import {
  createFloat64Engine,
  float64Field,
  linear,
  scalarField,
  type HandWrittenField,
} from '@odegrad/testkit';
import { dopri5 } from '@odegrad/tableaux';
import { describe, expect, it } from 'vitest';
import { pi } from './controllers.ts';
import { SolveError } from '../arguments/errors.ts';
import { forward } from '../gradient/schedule.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { createLedger } from '../memory/ledger.ts';
import type { AdaptiveStepping, StepSizeController } from '../types/stepping.ts';

/** Rejects everything, and asks for half the size. */
const never: StepSizeController = { name: 'never', next: () => ({ accept: false, factor: 0.5 }) };

/** Steps, counts, and the last state or what was thrown. */
function walk(field: HandWrittenField, ts: readonly number[], stepping: Partial<AdaptiveStepping>) {
  const engine = createFloat64Engine();
  const ledger = createLedger();
  const sizes: number[] = [];
  try {
    const solution = forward.solve(
      { field: float64Field(engine, field), y0: [Float64Array.of(1)], ts },
      {
        solver: rungeKutta(dopri5),
        stepping: { rtol: 1e-6, atol: 1e-8, controller: pi, ...stepping },
        ledger,
        onStep: ({ h }) => sizes.push(h),
      },
    );
    const end = solution.ys.at(-1)![0]![0]!;
    solution.release();
    return { end, sizes, ledger, error: undefined };
  } catch (error) {
    expect(error).toBeInstanceOf(SolveError);
    return { end: NaN, sizes, ledger, error: error as SolveError };
  } finally {
    expect(engine.live()).toBe(0);
    expect(ledger.bytes).toBe(0);
  }
}

/** Jumps where a step of any size has an error. */
const jumpy = scalarField(
  1,
  (t) => (t < 0.3 ? 0 : 1e6),
  () => [0, 0, 0],
);

describe('the smallest step with `force`', () => {
  it.each([1, -1])('is accepted whatever its error, and counted: towards %s', (end) => {
    const { sizes, ledger } = walk(linear(-1), [0, end], {
      controller: never,
      firstStep: 0.4,
      minStep: 0.1,
      force: true,
    });
    expect(sizes).toHaveLength(10);
    for (const h of sizes) expect(Math.abs(h)).toBeCloseTo(0.1, 12);
    expect(ledger).toMatchObject({ accepted: 10, rejected: 2, forced: 10 });
  });

  it('gives what equal steps give', () => {
    const { end } = walk(linear(-1), [0, 1], { controller: never, minStep: 0.125, force: true });
    const engine = createFloat64Engine();
    const equal = forward.solve(
      { field: float64Field(engine, linear(-1)), y0: [Float64Array.of(1)], ts: [0, 1] },
      { solver: rungeKutta(dopri5), stepping: { numSteps: 8 } },
    );
    expect(end).toBe(equal.ys[1]![0]![0]);
  });

  it('ends on output times nearer than that, and on one that is hardly farther', () => {
    const near = walk(linear(-1), [0, 0.05, 1], { controller: never, minStep: 0.1, force: true });
    expect(near.sizes[0]).toBe(0.05);
    expect(near.ledger.forced).toBe(near.ledger.accepted);
    const far = walk(linear(-1), [0, 0.1009], { controller: never, minStep: 0.1, force: true });
    expect(far.sizes).toEqual([0.1009]);
    expect(far.ledger).toMatchObject({ accepted: 1, forced: 1 });
  });

  it('takes a jump that no size resolves, and goes on as before', () => {
    const failing = walk(jumpy, [0, 1], { minStep: 1e-4 });
    expect(failing.error).toMatchObject({ code: 'step-underflow' });
    expect(failing.error!.message).toMatch(/below `minStep`, 1\.00e-4\. Lower that, .*`force: true`/);
    const { end, sizes, ledger, error } = walk(jumpy, [0, 1], { minStep: 1e-4, force: true });
    expect(error).toBeUndefined();
    expect(ledger.forced).toBeGreaterThan(0);
    expect(ledger.forced).toBeLessThan(ledger.accepted / 2);
    expect(Math.min(...sizes)).toBeCloseTo(1e-4, 12);
    // Within one of the smallest steps.
    expect(Math.abs(end - (1 + 0.7e6))).toBeLessThan(1e6 * 1e-4);
  });

  it('counts no step whose error was small enough', () => {
    const { ledger } = walk(linear(-1), [0, 1], { minStep: 1e-3, force: true });
    expect(ledger.forced).toBe(0);
    expect(ledger.accepted).toBe(walk(linear(-1), [0, 1], {}).ledger.accepted);
  });

  it('is no way past what is not finite', () => {
    const root = scalarField(
      1,
      (_, y) => -1 / Math.sqrt(y),
      () => [0, 0, 0],
    );
    for (const minStep of [0.4, 1e-3]) {
      const { error } = walk(root, [0, 2], { minStep, force: true });
      expect(error).toMatchObject({ code: 'non-finite' });
      expect(error!.t).toBeLessThan(0.7);
    }
  });
});

describe('the smallest step', () => {
  it('is the first attempt where a smaller one was guessed', () => {
    const controller = { name: 'content', next: () => ({ accept: true, factor: 1 }) };
    expect(walk(linear(-1), [0, 1], { controller }).sizes[0]).toBeLessThan(0.2);
    const { sizes, ledger } = walk(linear(-1), [0, 1], { controller, minStep: 0.25 });
    expect(sizes).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(ledger).toMatchObject({ accepted: 4, rejected: 0, forced: 0 });
  });
});
