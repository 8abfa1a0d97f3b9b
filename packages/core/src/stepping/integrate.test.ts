import {
  createFloat64Engine,
  float64Field,
  linear,
  logspace,
  riccati,
  riccatiSolution,
} from '@odegrad/testkit';
import { scalarField, spiral, spiralSolution, type HandWrittenField } from '@odegrad/testkit';
import { bosh3, dopri5, euler, fehlberg45, rk4 } from '@odegrad/tableaux';
import { describe, expect, it } from 'vitest';
import { pi } from './controllers.ts';
import { SolveError } from '../arguments/errors.ts';
import { createLedger } from '../memory/ledger.ts';
import { type Statistics } from '../types/statistics.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { forward } from '../gradient/schedule.ts';
import type { Method } from '../types/problem.ts';
import type { AdaptiveStepping, ByPart, StepSizeController } from '../types/stepping.ts';

interface Walk {
  readonly ys: readonly Float64Array[];
  readonly ends: readonly number[];
  readonly sizes: readonly number[];
  readonly stats: Statistics;
}

/** Solves without a gradient, and says where the steps ended. Nothing may stay alive. */
function walk(field: HandWrittenField, y0: Float64Array, ts: readonly number[], method: Method): Walk {
  const engine = createFloat64Engine();
  const [ends, sizes]: [number[], number[]] = [[], []];
  const problem = { field: float64Field(engine, field), y0: [y0], ts };
  const solution = forward.solve(problem, {
    ...method,
    onStep(progress) {
      ends.push(progress.t);
      sizes.push(progress.h);
      method.onStep?.(progress);
    },
  });
  const result = { ys: solution.ys.map(([y]) => y!.slice()), ends, sizes, stats: { ...solution.stats } };
  solution.release();
  expect(engine.live()).toBe(0);
  return result;
}

/** What a solve throws, after which nothing may be alive. */
function failure(
  field: HandWrittenField,
  y0: Float64Array,
  ts: readonly number[],
  method: Method,
): SolveError {
  const engine = createFloat64Engine();
  const ledger = createLedger();
  try {
    forward.solve({ field: float64Field(engine, field), y0: [y0], ts }, { ...method, ledger });
  } catch (error) {
    expect(error).toBeInstanceOf(SolveError);
    expect(engine.live()).toBe(0);
    expect(ledger.bytes).toBe(0);
    return error as SolveError;
  }
  throw new Error('The solve did not fail.');
}

const one = Float64Array.of(1);
const solver = rungeKutta(dopri5);
const adaptive = (stepping: Partial<AdaptiveStepping> = {}): Method => ({
  solver,
  stepping: { rtol: 1e-6, atol: 1e-8, controller: pi, ...stepping },
});
/** Accepts everything and multiplies by `factor`: steps of a known size. */
const always = (factor: number): StepSizeController => ({
  name: 'always',
  next: () => ({ accept: true, factor }),
});

describe('equal steps', () => {
  const method: Method = { solver: rungeKutta(rk4), stepping: { numSteps: 4 } };

  it('are so many between neighbouring output times, and land on each by assignment', () => {
    const ts = logspace(-3, 0.2, 10);
    const { ends, stats } = walk(riccati, Float64Array.of(0.2), ts, method);
    expect(ends.length).toBe(9 * 4);
    expect(stats).toMatchObject({ accepted: 36, rejected: 0, evaluationsForward: 4 * 36 });
    ts.slice(1).forEach((t, i) => expect(ends[4 * i + 3]).toBe(t));
  });

  it('begin where the last ended, to the last bit', () => {
    for (const ts of [logspace(-3, 0.1, 10), logspace(-3, 0.2, 10), logspace(-3, 1, 10).reverse()]) {
      const starts: number[] = [];
      const seen: HandWrittenField = { ...linear(0), value: (t, y) => (starts.push(t), y.map(() => 0)) };
      const { ends } = walk(seen, one, ts, { solver: rungeKutta(euler), stepping: { numSteps: 3 } });
      expect(starts).toEqual([ts[0], ...ends.slice(0, -1)]);
    }
  });

  it.each([
    [0.25, [4, 8]],
    [0.3, [4, 7]],
    [0.1, [10, 20]],
    [5, [1, 1]],
    [1 / 3, [3, 6]],
    [0.1 + 1e-12, [10, 20]],
    [0.1 - 1e-6, [11, 21]],
  ])('of size %d at most are the fewest that fill each interval', (stepSize, counts) => {
    for (const ts of [
      [0, 1, 3],
      [3, 2, 0],
    ]) {
      const { ends } = walk(linear(-1), one, ts, { solver: rungeKutta(euler), stepping: { stepSize } });
      expect([ends.indexOf(ts[1]!) + 1, ends.length - ends.indexOf(ts[1]!) - 1]).toEqual(counts);
    }
  });

  it('are not one more where the size divides the interval up to rounding', () => {
    // (1.1 − 0.8) / 0.1 = 3.0000000000000004 in float64.
    const { ends } = walk(linear(-1), one, [0.8, 1.1], {
      solver: rungeKutta(euler),
      stepping: { stepSize: 0.1 },
    });
    expect(ends.length).toBe(3);
  });

  it('take the solver without its error estimate', () => {
    const { stats } = walk(spiral, spiralSolution(0, 0.3), [0, 1], { solver, stepping: { numSteps: 7 } });
    expect(stats.evaluationsForward).toBe(6 * 7);
  });

  it('resolve intervals of one unit in the last place', () => {
    const ts = [1, 1 + Number.EPSILON, 1 + 2 * Number.EPSILON];
    const { ys, ends } = walk(linear(1), one, ts, method);
    expect(ends.at(-1)).toBe(ts[2]);
    expect(ys[2]![0]).toBeCloseTo(1, 14);
  });
});

describe('adaptive steps', () => {
  it('land on every output time exactly', () => {
    for (const ts of [logspace(-3, 0.1, 10), logspace(-3, 1, 10), [1, 0.3, 0.1, -2], [0, 1e-9, 1]]) {
      const { ends, ys } = walk(riccati, Float64Array.of(0.2), ts, adaptive());
      ts.slice(1).forEach((t) => expect(ends).toContain(t));
      expect(ys.length).toBe(ts.length);
    }
  });

  it.each([
    ['forward', [0, 0.5, 1.4]],
    ['backward', [0, -0.5, -1.4]],
  ])('solve within the tolerance %s in time', (_, ts) => {
    const { ys } = walk(riccati, Float64Array.of(0.6), ts, adaptive());
    ts.forEach((t, i) => expect(Math.abs(ys[i]![0]! - riccatiSolution(t, 0.6))).toBeLessThan(1e-5));
  });

  it('are mirrored where time is', () => {
    const mirrored: HandWrittenField = {
      ...spiral,
      value: (t, y, p) => spiral.value(-t, y, p).map((x) => -x),
    };
    const [there, back] = [
      walk(spiral, spiralSolution(0, 0.3), [0, 0.7, 2], adaptive()),
      walk(mirrored, spiralSolution(0, 0.3), [0, -0.7, -2], adaptive()),
    ];
    expect(back.ends.map((t) => -t)).toEqual(there.ends);
    expect(back.ys).toEqual(there.ys);
  });

  it('start with `firstStep` where it is given', () => {
    const { sizes } = walk(spiral, spiralSolution(0, 0.3), [0, 1], adaptive({ firstStep: 1e-3 }));
    expect(sizes[0]).toBe(1e-3);
    const back = walk(spiral, spiralSolution(0, 0.3), [0, -1], adaptive({ firstStep: 1e-3 }));
    expect(back.sizes[0]).toBe(-1e-3);
  });

  it('are no larger than `maxStep`', () => {
    for (const [ts, maxStep] of [
      [[0, 1, 2], 0.13],
      [[0, 1.005], 1],
      [[2, -1], 0.4],
    ] as const) {
      const { sizes } = walk(linear(0), one, ts, adaptive({ maxStep, firstStep: 100 }));
      for (const h of sizes) expect(Math.abs(h)).toBeLessThanOrEqual(maxStep * (1 + 4 * Number.EPSILON));
    }
  });

  it('leave no sliver before an output time', () => {
    const { sizes } = walk(linear(0), one, [0, 1.004], adaptive({ firstStep: 1, controller: always(1) }));
    expect(sizes).toEqual([1.004]);
  });

  it('take up the size before the cut again after it', () => {
    const { sizes } = walk(linear(0), one, [0, 0.05, 3], adaptive({ firstStep: 1, controller: always(1) }));
    expect(sizes[0]).toBe(0.05);
    expect(sizes[1]).toBe(1);
  });

  it('tell the controller nothing of cut steps', () => {
    const seen: number[][] = [];
    const spy: StepSizeController = {
      name: 'spy',
      next(norms, order) {
        expect(order).toBe(5);
        seen.push([...norms]);
        return { accept: true, factor: 1 };
      },
    };
    // Steps of 1: 0 → 1 → 1.1 (cut) → 2.1 → 3.1 → 4 (cut).
    const { ends } = walk(linear(-0.5), one, [0, 1.1, 4], adaptive({ firstStep: 1, controller: spy }));
    expect(ends.map((t) => Math.round(t * 10) / 10)).toEqual([1, 1.1, 2.1, 3.1, 4]);
    const [first, , third] = seen.map(([norm]) => norm!);
    expect(seen.map((norms) => norms.length)).toEqual([1, 2, 2, 3, 3]);
    expect(seen[1]![1]).toBe(first);
    expect(seen[2]![1]).toBe(first);
    expect(seen[3]!.slice(1)).toEqual([third, first]);
  });

  it('tell the controller nothing of rejected steps but their own error', () => {
    let calls = 0;
    const lengths: number[] = [];
    const spy: StepSizeController = {
      name: 'spy',
      next(norms) {
        lengths.push(norms.length);
        return calls++ < 2 ? { accept: false, factor: 0.5 } : { accept: true, factor: 1 };
      },
    };
    const { sizes, stats } = walk(linear(0), one, [0, 1], adaptive({ firstStep: 0.5, controller: spy }));
    expect(lengths).toEqual([1, 1, 1, 2, 3, 3, 3, 3, 3, 3]);
    expect(sizes).toEqual(Array.from({ length: 8 }, () => 0.125));
    expect(stats).toMatchObject({ accepted: 8, rejected: 2 });
  });

  it('do not grow right after a rejection', () => {
    let calls = 0;
    const spy: StepSizeController = {
      name: 'spy',
      next: () => (calls++ === 0 ? { accept: false, factor: 0.5 } : { accept: true, factor: 2 }),
    };
    const { sizes } = walk(linear(0), one, [0, 10], adaptive({ firstStep: 1, controller: spy }));
    expect(sizes.slice(0, 3)).toEqual([0.5, 0.5, 1]);
  });

  it('reuse slopes: 6 evaluations an attempt for the seven stages of dopri5, and 2 to begin', () => {
    for (const firstStep of [undefined, 3]) {
      const { stats } = walk(
        spiral,
        spiralSolution(0, 0.3),
        [0, 1, 3],
        adaptive(firstStep ? { firstStep } : {}),
      );
      const attempts = stats.accepted + stats.rejected;
      // f(t0, y0) and, for Hairer's first step, one probe.
      expect(stats.evaluationsForward).toBe(6 * attempts + (firstStep ? 1 : 2));
      if (firstStep) expect(stats.rejected).toBeGreaterThan(0);
    }
  });

  it('reuse the first slope after a rejection where the last slope is not that of the next step', () => {
    const method: Method = { ...adaptive({ firstStep: 3 }), solver: rungeKutta(fehlberg45) };
    const { stats } = walk(spiral, spiralSolution(0, 0.3), [0, 1, 3], method);
    expect(stats.rejected).toBeGreaterThan(0);
    // Each of the six stages; the first only once for each accepted step.
    expect(stats.evaluationsForward).toBe(5 * (stats.accepted + stats.rejected) + stats.accepted);
  });

  it('serve a time far from 0, as finely as float64 resolves it', () => {
    const shifted = scalarField(
      1,
      (t, y) => -y * Math.cos(t - 1e9),
      () => [0, 0, 0],
    );
    const { ys, ends } = walk(shifted, one, [1e9, 1e9 + 1, 1e9 + 2], adaptive());
    expect(ends.at(-1)).toBe(1e9 + 2);
    expect(ys[2]![0]).toBeCloseTo(Math.exp(-Math.sin(2)), 4);
  });

  it('serve intervals of one unit in the last place, and denormal ones', () => {
    for (const ts of [
      [1, 1 + Number.EPSILON],
      [0, Number.MIN_VALUE],
      [1e9, 1e9 + 2 ** -23],
    ]) {
      const { ends } = walk(linear(1), one, ts, adaptive());
      expect(ends).toEqual([ts[1]]);
    }
  });

  it('leave a part out of the error norm whose absolute tolerance is infinite', () => {
    const engine = createFloat64Engine();
    // The second part oscillates a hundred times faster than the first.
    const both: HandWrittenField = {
      ...linear(0),
      value: (t, y) => Float64Array.of(-y[0]!, 100 * Math.cos(100 * t)),
    };
    const accepted = (atol: ByPart): number => {
      const field = float64Field(engine, both, { parts: [1, 1] });
      const problem = { field, y0: [one, one], ts: [0, 1] };
      const method = { solver: rungeKutta(bosh3), stepping: { rtol: 1e-4, atol, controller: pi } };
      const solution = forward.solve(problem, method);
      solution.release();
      return solution.stats.accepted;
    };
    expect(accepted(1e-4)).toBe(accepted([1e-4, 1e-4]));
    expect(accepted([1e-4, Infinity])).toBeLessThan(accepted(1e-4) / 5);
    expect(engine.live()).toBe(0);
  });
});

describe('a solve that cannot go on', () => {
  it('says `max-steps`, counting rejected attempts, and succeeds with exactly as many as it takes', () => {
    const { stats } = walk(spiral, spiralSolution(0, 0.3), [0, 1, 3], adaptive({ firstStep: 3 }));
    const attempts = stats.accepted + stats.rejected;
    expect(stats.rejected).toBeGreaterThan(0);
    walk(spiral, spiralSolution(0, 0.3), [0, 1, 3], { ...adaptive({ firstStep: 3 }), maxSteps: attempts });
    const error = failure(spiral, spiralSolution(0, 0.3), [0, 1, 3], {
      ...adaptive({ firstStep: 3 }),
      maxSteps: attempts - 1,
    });
    expect(error).toMatchObject({ code: 'max-steps', steps: stats.accepted - 1 });
    expect(error.message).toContain(`${attempts - 1} steps did not reach t = 3`);
    const fixed: Method = { solver: rungeKutta(rk4), stepping: { numSteps: 10 }, maxSteps: 9 };
    expect(failure(linear(1), one, [0, 1], fixed)).toMatchObject({ code: 'max-steps', steps: 9 });
  });

  it('says `step-underflow` at a singularity, and where it is', () => {
    // y′ = y² from 1 is infinite at t = 1.
    const blowUp = scalarField(
      1,
      (_, y) => y * y,
      () => [0, 0, 0],
    );
    const error = failure(blowUp, one, [0, 2], { ...adaptive(), maxSteps: 1e6 });
    expect(['step-underflow', 'non-finite']).toContain(error.code);
    expect(error.t).toBeCloseTo(1, 6);
    expect(error.steps).toBeGreaterThan(10);
  });

  it('says `step-underflow` where the error does not shrink with the step', () => {
    let sign = 1;
    const noisy = scalarField(
      1,
      () => (sign = -sign),
      () => [0, 0, 0],
    );
    const error = failure(noisy, one, [1, 2], adaptive({ rtol: 1e-20, atol: 1e-20, firstStep: 0.1 }));
    expect(error).toMatchObject({ code: 'step-underflow', steps: 0, t: 1 });
    expect(error.message).toMatch(/raise rtol or atol.*t = 1, h = .*, after 0 steps, error norm/);
    expect(error.errorNorm).toBeGreaterThan(1);
  });

  it('says `step-underflow` below `minStep`', () => {
    const error = failure(spiral, spiralSolution(0, 0.3), [0, 1], adaptive({ minStep: 0.2, firstStep: 0.5 }));
    expect(error).toMatchObject({ code: 'step-underflow', t: 0, steps: 0 });
    expect(error.message).toContain('2.00e-1');
    // The landing may be shorter than that.
    const { sizes } = walk(
      linear(0),
      one,
      [0, 1],
      adaptive({ minStep: 0.3, firstStep: 0.4, controller: always(1) }),
    );
    expect(sizes.at(-1)).toBeLessThan(0.3);
  });

  it('says `non-finite` where f is not finite at the start', () => {
    const bad = scalarField(
      1,
      (_, y) => 1 / (y - 1),
      () => [0, 0, 0],
    );
    expect(failure(bad, one, [0, 1], adaptive())).toMatchObject({ code: 'non-finite', t: 0, steps: 0, h: 0 });
    expect(failure(bad, one, [0, 1], adaptive({ firstStep: 0.1 }))).toMatchObject({
      code: 'non-finite',
      steps: 0,
    });
  });

  it('says `non-finite` where f is not finite from some time on', () => {
    const bad = scalarField(
      1,
      (t, y) => (t > 0.5 ? NaN : -y),
      () => [0, 0, 0],
    );
    const error = failure(bad, one, [0, 0.25, 1], adaptive());
    expect(error).toMatchObject({ code: 'non-finite', errorNorm: Infinity });
    expect(error.t).toBeCloseTo(0.5, 10);
    const steps = failure(bad, one, [0, 0.25, 1], { solver: rungeKutta(rk4), stepping: { numSteps: 4 } });
    expect(steps).toMatchObject({ code: 'non-finite', t: 1, steps: 8 });
    expect(steps.message).toContain('between t = 0.25 and t = 1');
  });

  it('goes on where f is not finite for too large a step alone', () => {
    const root = scalarField(
      1,
      (_, y) => -Math.sqrt(y),
      () => [0, 0, 0],
    );
    // y = (1 − t/2)², and a step of 1.9 sees negative y.
    const { ys, stats } = walk(root, one, [0, 1], adaptive({ firstStep: 0.95 }));
    expect(ys[1]![0]).toBeCloseTo(0.25, 5);
    const far = walk(
      scalarField(
        1,
        (_, y) => Math.log(y),
        () => [0, 0, 0],
      ),
      Float64Array.of(0.5),
      [0, 0.35],
      adaptive({ firstStep: 0.35 }),
    );
    expect(far.stats.rejected).toBeGreaterThan(0);
    expect(stats.accepted).toBeGreaterThan(0);
  });

  it('says `non-finite` where y0 is not finite', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const y0 = Float64Array.of(1, bad);
      const still: HandWrittenField = { ...linear(0), value: (_, y) => y.map(() => 0) };
      for (const field of [spiral, still]) {
        expect(failure(field, y0, [0, 1], adaptive()).code).toBe('non-finite');
        expect(failure(field, y0, [0, 1], adaptive({ firstStep: 0.1 })).code).toBe('non-finite');
        expect(failure(field, y0, [0, 1], { solver, stepping: { numSteps: 3 } }).code).toBe('non-finite');
      }
    }
  });

  it('says `non-finite` where the state overflows, with fixed and with adaptive steps', () => {
    const growth = scalarField(
      1,
      (_, y) => y * 1e3,
      () => [0, 0, 0],
    );
    const fixed: Method = { solver: rungeKutta(euler), stepping: { numSteps: 1000 } };
    expect(failure(growth, one, [0, 10], fixed).code).toBe('non-finite');
    expect(failure(growth, one, [0, 10], adaptive()).code).toBe('non-finite');
  });

  it('says `aborted`, between steps, wherever the signal comes from', () => {
    const controller = new AbortController();
    const error = failure(spiral, spiralSolution(0, 0.3), [0, 1], {
      ...adaptive(),
      signal: controller.signal,
      onStep: ({ steps }) => {
        if (steps === 3) controller.abort();
      },
    });
    expect(error).toMatchObject({ code: 'aborted', steps: 3 });
  });

  it('finds the first step where a probe leaves the domain of f', () => {
    // The second component is tiny and f has its root: Hairer's probe makes it negative.
    const two: HandWrittenField = {
      ...linear(0),
      value: (_, y) => Float64Array.of(0, -Math.sqrt(y[1]!)),
    };
    const { ys } = walk(two, Float64Array.of(1e3, 1e-6), [0, 1.5e-3], adaptive({ rtol: 1e-3, atol: 1e-6 }));
    expect(Math.abs(ys[1]![1]! - 6.25e-8)).toBeLessThan(1e-8);
  });

  it('serves components that are zero and stay zero with a relative tolerance alone', () => {
    const { ys, stats } = walk(linear(-1), Float64Array.of(0, 1), [0, 1], adaptive({ rtol: 1e-6, atol: 0 }));
    expect(ys[1]![1]).toBeCloseTo(Math.exp(-1), 5);
    expect(ys[1]![0]).toBe(0);
    expect(stats.accepted).toBeLessThan(100);
  });
});
