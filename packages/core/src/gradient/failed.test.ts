import {
  createFloat64Engine,
  float64Field,
  neuralField,
  noiseVector,
  scalarField,
  spiral,
  type HandWrittenField,
} from '@odegrad/testkit';
import { bosh3, dopri5, rk4 } from '@odegrad/tableaux';
import { describe, expect, it } from 'vitest';
import { ArgumentError, SolveError } from '../arguments/errors.ts';
import { createLedger } from '../memory/ledger.ts';
import { pi } from '../stepping/controllers.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import type { Gradient, Method, Problem, Solution } from '../types/problem.ts';
import type { AdaptiveStepping } from '../types/stepping.ts';
import { forward, scheduled } from './schedule.ts';

const strategies = [
  scheduled({ name: 'state', keep: 'state', restore: 'stages' }),
  scheduled({ name: 'all', keep: 'activations', restore: 'activations' }),
  scheduled({ name: 'stages', keep: 'stages', restore: 'stages' }),
  scheduled({ name: 'nothing', keep: 'nothing', restore: 'stages' }),
  scheduled({ name: 'some', keep: (n) => (n % 3 === 0 ? 'state' : 'nothing'), restore: 'activations' }),
];
const adaptive = (stepping: Partial<AdaptiveStepping> = {}): Method => ({
  solver: rungeKutta(dopri5),
  stepping: { rtol: 1e-6, atol: 1e-8, controller: pi, ...stepping },
});
const cotangent = (seed: number) => [noiseVector(seed, 3)];

/** The engine has to be empty in the end. */
function clean<T>(
  body: (problem: Problem<Float64Array>, engine: ReturnType<typeof createFloat64Engine>) => T,
): T {
  const engine = createFloat64Engine();
  const y0 = [noiseVector(3, 3)];
  const result = body({ field: float64Field(engine, neuralField()), y0, ts: [0, 0.5, 1, 2, 4] }, engine);
  expect(engine.live()).toBe(0);
  return result;
}

/** A gradient in numbers; its arrays are released. */
function numbers({ y0, parameters, ts }: Gradient<Float64Array>, release: (x: Float64Array) => void) {
  const list = [...y0, ...parameters].map((x) => [...x]);
  [...y0, ...parameters].forEach(release);
  return { list, ts };
}

describe.each(strategies.map((strategy) => [strategy.name, strategy] as const))(
  'a solve that stops early and keeps %s',
  (_name, strategy) => {
    it.each(['constant', 'adaptive'])('has the gradient of one that was to end there, %s steps', (kind) => {
      clean((problem, { release }) => {
        const timeGradients = kind === 'adaptive';
        // Of constant steps the count is per interval, so an ordinary solve that ends between two outputs has others.
        const method: Method =
          kind === 'constant' ? { solver: rungeKutta(rk4), stepping: { stepSize: 0.125 } } : adaptive();
        const ledger = createLedger();
        // Some lie in the last step.
        const times = Array.from({ length: 99 }, (_, i) => 0.04 * (i + 1) + 0.003);
        const stopped = strategy.solve(
          { ...problem, timeGradients, between: times },
          {
            ...method,
            maxSteps: 14,
            onFailure: 'return',
            ledger,
          },
        );
        const { t, error } = stopped.failed!;
        expect(error).toMatchObject({ code: 'max-steps', t });
        expect(stopped.ts).toEqual([0, 0.5, 1, 2, 4].filter((time) => time <= t));
        expect(stopped.ys).toHaveLength(stopped.ts.length);
        const between = times.slice(0, stopped.between.length);
        expect(between).toEqual(times.filter((time) => time <= t));
        const whole = strategy.solve({ ...problem, ts: [...stopped.ts, t], timeGradients, between }, method);
        // The same steps, but the last may be cut otherwise.
        const near = (x: number, y: number): void => {
          expect(Math.abs(x - y)).toBeLessThan(1e-12);
        };
        stopped.ys.forEach(([y], i) => {
          y!.forEach((x, k) => {
            near(x, whole.ys[i]![0]![k]!);
          });
        });
        stopped.failed!.y[0]!.forEach((x, k) => {
          near(x, whole.ys.at(-1)![0]![k]!);
        });
        const given = stopped.ts.map((_, i) => cotangent(i));
        const within = between.map((_, i) => (i % 2 === 0 ? undefined : cotangent(i)));
        for (const [end, read] of [
          [cotangent(9), within],
          [undefined, within],
          [cotangent(8), []],
        ] as const) {
          const some = numbers(stopped.pullback(given, { end, between: read }), release);
          const all = numbers(whole.pullback([...given, end], { between: read }), release);
          some.list.flat().forEach((x, i) => {
            near(x, all.list.flat()[i]!);
          });
          expect(some.ts).toHaveLength(5);
          some.ts.slice(0, given.length - 1).forEach((x, i) => {
            near(x, all.ts[i]!);
          });
          expect(some.ts.slice(given.length)).toEqual(problem.ts.slice(given.length).map(() => 0));
        }
        const { bytes } = ledger;
        expect(bytes).toBeGreaterThan(0);
        stopped.release();
        whole.release();
        expect(ledger.bytes).toBe(0);
      });
    });

    it('may stop at the start, where the gradient is that of y0', () => {
      const engine = createFloat64Engine();
      const bad: HandWrittenField = { ...spiral, value: () => Float64Array.of(NaN, 1) };
      const y0 = [Float64Array.of(1, 2)];
      const solution = strategy.solve(
        { field: float64Field(engine, bad), y0, ts: [0, 1] },
        { ...adaptive(), onFailure: 'return' },
      );
      expect(solution.failed).toMatchObject({ t: 0, error: { code: 'non-finite', steps: 0 } });
      expect(solution.failed!.y[0]).toBe(y0[0]);
      expect(solution.ts).toEqual([0]);
      const end = [Float64Array.of(3, 4)];
      const gradient = solution.pullback([[Float64Array.of(1, 1)]], { end });
      expect([...gradient.y0[0]!]).toEqual([4, 5]);
      [...gradient.y0, ...gradient.parameters].forEach(engine.release);
      const alone = solution.pullback([undefined], { end });
      expect([...alone.y0[0]!]).toEqual([3, 4]);
      expect(alone.y0[0]).not.toBe(end[0]);
      [...alone.y0, ...alone.parameters].forEach(engine.release);
      solution.release();
      expect(engine.live()).toBe(0);
    });
  },
);

/** y grows without bound at t = 1. */
const blowUp = scalarField(
  1,
  (_, y) => y * y,
  (_, y, k) => [0, 2 * y * k, 0],
);

function stop(
  field: HandWrittenField,
  ts: readonly number[],
  method: Method,
  more: Partial<Problem<Float64Array>> = {},
) {
  const engine = createFloat64Engine();
  const solution: Solution<Float64Array> = strategies[0]!.solve(
    { field: float64Field(engine, field), y0: [Float64Array.of(1)], ts, ...more },
    { ...method, onFailure: 'return' },
  );
  const { failed, ys, between } = solution;
  const result = {
    failed: failed && { code: failed.error.code, t: failed.t, y: failed.y[0]![0]!, error: failed.error },
    ts: [...solution.ts],
    ys: ys.map(([y]) => y![0]!),
    between: between.map(([y]) => y![0]!),
  };
  solution.release();
  expect(engine.live()).toBe(0);
  return result;
}

describe('what was reached', () => {
  it.each([
    ['adaptive steps', adaptive(), 0.999, 'step-underflow'],
    ['constant steps', { solver: rungeKutta(rk4), stepping: { numSteps: 100 } }, 1, 'non-finite'],
  ] as const)('is finite with %s, where the solution is not', (_, method, least, code) => {
    const { failed, ts, ys, between } = stop(blowUp, [0, 0.5, 2, 3], method, { between: [0.25, 0.75, 2.5] });
    expect(failed).toMatchObject({ code });
    expect(failed!.t).toBeGreaterThan(least);
    expect(failed!.error).toBeInstanceOf(SolveError);
    expect(failed!.error).toMatchObject({ t: failed!.t });
    expect(ts).toEqual([0, 0.5]);
    for (const y of [...ys, ...between, failed!.y]) expect(Number.isFinite(y)).toBe(true);
    expect(ys[1]).toBeCloseTo(2, 4);
    expect(between).toHaveLength(2);
    expect(between[1]).toBeCloseTo(4, 3);
  });

  it('is what there is of it at every step, and of a dense solution', () => {
    const engine = createFloat64Engine();
    const solve = (more: Partial<Problem<Float64Array>>): Solution<Float64Array> =>
      strategies[0]!.solve(
        { field: float64Field(engine, blowUp), y0: [Float64Array.of(1)], ts: [0, 2], ...more },
        { ...adaptive(), maxSteps: 5, onFailure: 'return' },
      );
    const steps = solve({ steps: true });
    expect(steps.ts).toHaveLength(6);
    expect(steps.ts.at(-1)).toBe(steps.failed!.t);
    steps.release();
    const dense = solve({ dense: true });
    const { t } = dense.failed!;
    expect(dense.at!(t)[0]![0]).toBe(dense.failed!.y[0]![0]);
    const middle = dense.at!(t / 2);
    expect(middle[0]![0]).toBeCloseTo(1 / (1 - t / 2), 4);
    expect(() => dense.at!(1.01 * t)).toThrow(ArgumentError);
    const points = [{ t: 1.01 * t, cotangent: [Float64Array.of(1)] }];
    expect(() => dense.pullback([undefined], { points })).toThrow(ArgumentError);
    dense.release();
    expect(() => dense.pullback([undefined])).toThrow(ArgumentError);
  });

  it('is all of it where nothing fails, and a cotangent of the stop is refused', () => {
    clean((problem) => {
      const solution = strategies[0]!.solve(problem, { ...adaptive(), onFailure: 'return' });
      expect(solution.failed).toBeUndefined();
      expect(solution.ys).toHaveLength(5);
      expect(() =>
        solution.pullback(
          problem.ts.map(() => undefined),
          { end: cotangent(1) },
        ),
      ).toThrow('`end` is of the state where a solve stopped');
      solution.release();
    });
  });

  it('stops below the smallest step', () => {
    const jump = scalarField(
      1,
      (t) => (t < 0.3 ? 0 : 1e6),
      () => [0, 0, 0],
    );
    const { failed, ts } = stop(jump, [0, 0.2, 1], adaptive({ minStep: 1e-3 }));
    expect(failed).toMatchObject({ code: 'step-underflow', y: 1 });
    expect(failed!.t).toBeGreaterThan(0.2);
    expect(ts).toEqual([0, 0.2]);
  });
});

describe('what throws in any case', () => {
  it('is an abort, an error of f, even a SolveError, and one of a watcher', () => {
    const attempt = (more: Partial<Method>, before?: (t: number) => void) =>
      clean((_, engine) => {
        const field = float64Field(engine, neuralField(), before ? { before } : {});
        const solve = () =>
          strategies[0]!.solve(
            { field, y0: [noiseVector(3, 3)], ts: [0, 1] },
            { ...adaptive(), onFailure: 'return', ...more },
          );
        let thrown: unknown;
        try {
          solve();
        } catch (error) {
          thrown = error;
        }
        return thrown;
      });
    const controller = new AbortController();
    controller.abort();
    expect(attempt({ signal: controller.signal })).toMatchObject({ code: 'aborted' });
    const foreign = new SolveError('max-steps', 'another solve', { t: 0, h: 0, steps: 0 });
    const fail = (): never => {
      throw foreign;
    };
    expect(attempt({ onStep: fail })).toBe(foreign);
    expect(
      attempt({}, (t) => {
        if (t > 0.1) fail();
      }),
    ).toBe(foreign);
  });

  it('is a failure without `onFailure`', () => {
    clean((problem) => {
      for (const onFailure of [undefined, 'throw'] as const)
        expect(() =>
          forward.solve(problem, { ...adaptive(), maxSteps: 2, ...(onFailure && { onFailure }) }),
        ).toThrow(SolveError);
      expect(() => forward.solve(problem, { ...adaptive(), onFailure: 'give' as 'throw' })).toThrow(
        "`onFailure` must be 'throw' or 'return', not 'give'.",
      );
      const stopped = forward.solve(problem, {
        ...adaptive({}),
        solver: rungeKutta(bosh3),
        maxSteps: 2,
        onFailure: 'return',
      });
      expect(stopped.failed!.error.code).toBe('max-steps');
      stopped.release();
    });
  });
});
