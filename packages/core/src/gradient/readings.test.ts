import { backprop } from '@odegrad/grad-backprop';
import { auto, binomial, checkpoint, online, recompute, resolve, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { adjoint } from '@odegrad/grad-adjoint';
import * as tableaux from '@odegrad/tableaux';
import {
  centralDifferences,
  createFloat64Engine,
  exactGradient,
  float64Field,
  halfway,
  neuralField,
  noiseVector,
  relativeError,
  runTrial,
  type Trial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import { createLedger } from '../memory/ledger.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { pi } from '../stepping/controllers.ts';
import { forward } from './schedule.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { ButcherTableau } from '../types/tableau.ts';

const strategies = [
  symplectic,
  backprop,
  checkpoint,
  stages,
  recompute,
  resolve,
  binomial({ checkpoints: 3 }),
  online({ checkpoints: 3 }),
];
const neural = { field: neuralField(4, 3), y0: noiseVector(9, 4) };
/** The start, ends of steps, times next to them, and the end. */
const times = {
  increasing: { ts: [0, 0.4, 1.1], between: [0, 0.01, 0.2, 0.2, 0.4, 0.4 + 1e-9, 0.7, 1.05, 1.1] },
  decreasing: { ts: [1, 0.7, -0.2], between: [1, 0.95, 0.7 + 1e-9, 0.7, 0.5, 0.1, -0.19, -0.2] },
};
const fixed = (tableau: ButcherTableau): Method => ({
  solver: rungeKutta(tableau),
  stepping: { numSteps: 3 },
});
const adaptive = (tableau: ButcherTableau): Method => ({
  solver: rungeKutta(tableau),
  stepping: { rtol: 1e-3, atol: 1e-5, controller: pi },
});
const methods = [
  fixed(tableaux.rk4),
  adaptive(tableaux.dopri5),
  adaptive(tableaux.bosh3),
  fixed(tableaux.midpoint),
];
const asked: Record<string, Pick<Trial, 'steps' | 'reading'>> = {
  'a dense solution': { reading: 'dense' },
  'rows with times of their own': { reading: { rows: 2 } },
  'the end of every step': { steps: true },
  'the end of every step and a dense solution': { steps: true, reading: 'dense' },
};

function expectExact(strategy: (typeof strategies)[number], trial: Trial): void {
  const outcome = runTrial(strategy, trial);
  expect(relativeError(outcome.gradient, exactGradient(trial, outcome.steps))).toBeLessThan(1e-12);
  expect(outcome.repeated).toEqual(outcome.gradient);
  expect(outcome).toMatchObject({ live: 0, bytes: 0 });
}

/** A state within the times that is not the start, of those that `between` may have. */
const inner = (between: readonly number[]): number[] => between.slice(1);

describe.each(strategies.map((strategy) => [strategy.name, strategy] as const))('%s', (_, strategy) => {
  it.each(Object.entries(asked))('has the gradient of %s', (_name, what) => {
    for (const { ts, between } of Object.values(times)) {
      for (const method of methods) {
        const trial = { ...neural, ts, method, ...what, ...(what.reading ? { between } : {}) };
        expectExact(strategy, { ...trial, timeGradients: method !== methods[0] || ts[0] === 0 });
      }
    }
  });

  it('has it beside whole steps of an engine', () => {
    for (const what of Object.values(asked)) {
      for (const alive of ['step', 'stage'] as const) {
        const { ts, between } = times.increasing;
        const trial = {
          ...{ ...neural, ts, ...what, ...(what.reading ? { between } : {}) },
          ...{ whole: { alive }, timeGradients: false },
        };
        for (const method of methods.slice(0, 2)) expectExact(strategy, { ...trial, method });
      }
    }
  });
});

describe('what is read', () => {
  const { ts, between } = times.increasing;
  it('is the same read one by one, off a dense solution, and by rows', () => {
    for (const method of methods) {
      const trial: Trial = { ...neural, ts, method, between: inner(between) };
      const expected = runTrial(symplectic, trial);
      const dense = runTrial(symplectic, { ...trial, reading: 'dense' });
      expect(dense.between).toEqual(expected.between);
      expect(relativeError(dense.gradient, expected.gradient)).toBeLessThan(1e-14);
      const rows = runTrial(symplectic, { ...trial, reading: { rows: 2 } });
      rows.between.forEach((state, i) =>
        state.forEach((x, k) => {
          if (Math.floor(k / 2) === i % 2) expect(x).toBeCloseTo(expected.between[i]![k]!, 14);
          else expect(x).toBeNaN();
        }),
      );
      expect(rows.forward.evaluationsForward).toBe(expected.forward.evaluationsForward);
    }
  });

  it('may be the start alone in the first step, of rows', () => {
    for (const method of methods) {
      const trial: Trial = { ...neural, ts, method, between: [0, 0, 0.7, 0.9], reading: { rows: 2 } };
      const { between: read } = runTrial(symplectic, trial);
      expect([...read[0]!.slice(0, 2), ...read[1]!.slice(2)]).toEqual([...neural.y0]);
      expectExact(symplectic, trial);
    }
  });

  it('costs a dense solution one evaluation at most, and steps none', () => {
    for (const method of methods) {
      const { forward: plain } = runTrial(symplectic, { ...neural, ts, method });
      const { forward: steps, ys } = runTrial(symplectic, { ...neural, ts, method, steps: true });
      expect(steps.evaluationsForward).toBe(plain.evaluationsForward);
      expect(ys).toHaveLength(plain.accepted + 1);
      const { forward: dense } = runTrial(symplectic, { ...neural, ts, method, between, reading: 'dense' });
      expect(dense.evaluationsForward - plain.evaluationsForward).toBeLessThanOrEqual(1);
      expect(dense.accepted).toBe(plain.accepted);
    }
  });
});

describe('a dense solution', () => {
  const open = (method: Method, more: Partial<Problem<Float64Array>> = {}) => {
    const engine = createFloat64Engine();
    const ledger = createLedger();
    const problem = {
      ...{ field: float64Field(engine, neural.field), y0: [neural.y0], ts: [0, 1.1], dense: true },
      ...more,
    };
    return { engine, ledger, solution: symplectic.solve(problem, { ...method, ledger }) };
  };

  it('keeps y, a slope and the bumps of every step, to the byte, until it is released', () => {
    for (const method of methods) {
      const { engine, ledger, solution } = open(method);
      const bumps = method.solver.interpolant!.bumps.length;
      // The start and its slope besides; y at the end of each step is where the next one starts.
      expect(ledger.keptStateBytes).toBe(32 * (ledger.accepted * (2 + bumps) + 2));
      solution.release();
      expect({ bytes: ledger.bytes, kept: ledger.keptStateBytes, live: engine.live() }).toEqual({
        ...{ bytes: 0, kept: 0, live: 0 },
      });
      expect(() => solution.at!(0.5)).toThrow(/released/);
    }
  });

  it('is read anywhere within its times alone, and is what the solve gave at their ends', () => {
    const { engine, solution } = open(methods[1]!);
    for (const t of [-0.1, 1.2, NaN, '1' as never]) {
      expect(() => solution.at!(t)).toThrow(/`at\(t\)`: t must be a number from 0 to 1.1/);
      expect(() => solution.rate!(t)).toThrow(/must be a number from 0 to 1.1/);
      const points = [{ t, cotangent: [neural.y0] }];
      expect(() => solution.pullback([undefined, undefined], { points })).toThrow(/points\[0\]/);
    }
    const read = (state: readonly Float64Array[]): number[] => {
      const values = [...state[0]!];
      for (const x of state) engine.release(x);
      return values;
    };
    expect(read(solution.at!(0))).toEqual([...neural.y0]);
    expect(read(solution.at!(1.1))).toEqual([...solution.ys[1]![0]!]);
    for (const t of [0, 1e-3, 0.5, 0.999, 1.1]) {
      const e = 1e-6;
      const [low, high] = [Math.max(0, t - e), Math.min(1.1, t + e)];
      const [a, b] = [read(solution.at!(low)), read(solution.at!(high))];
      const rate = read(solution.rate!(t));
      rate.forEach((x, i) => {
        expect(Math.abs((b[i]! - a[i]!) / (high - low) - x)).toBeLessThan(2e-5);
      });
    }
    solution.release();
    expect(engine.live()).toBe(0);
  });

  it('has the gradient of its rates, and refuses that of their times', () => {
    const at = [0, 0.3, 0.7, 1.1];
    const cotangents = at.map((_, i) => noiseVector(60 + i, 4));
    const { engine, solution } = open(methods[0]!);
    const points = at.map((t, i) => ({ t, cotangent: [cotangents[i]!], rate: true }));
    const { y0, parameters } = solution.pullback([undefined, undefined], { points });
    const gradient = { y0: y0[0]!.slice(), parameters: parameters.map((x) => x.slice()), ts: [0, 0] };
    for (const x of [...y0, ...parameters]) engine.release(x);
    solution.release();
    const expected = centralDifferences(
      (point) => {
        const other = open(methods[0]!, {
          field: float64Field(createFloat64Engine(), point.field),
          y0: [point.y0],
        });
        const loss = at.reduce((sum, t, i) => {
          const [rate] = other.solution.rate!(t);
          return sum + rate!.reduce((part, x, k) => part + x * cotangents[i]![k]!, 0);
        }, 0);
        other.solution.release();
        return loss;
      },
      { ...neural, ts: [0, 1.1] },
    );
    expect(relativeError(gradient, { ...expected, ts: [0, 0] })).toBeLessThan(1e-7);
    const timed = open(methods[0]!, { timeGradients: true }).solution;
    expect(() => timed.pullback([undefined, undefined], { points })).toThrow(/how that depends on times/);
    timed.release();
  });

  it('of no step is y0, and so are rows', () => {
    const rows = { times: [0.3, 0.3, 0.3], rows: [1, 0, 1], count: 2 };
    const read = open(methods[1]!, { ts: [0.3], dense: false, rows });
    expect(read.solution.rows.map(({ state }) => [...state[0]!])).toEqual([
      [1, 0, 1].flatMap((row) => [...neural.y0.slice(2 * row, 2 * row + 2)]),
    ]);
    const pulled = read.solution.pullback([undefined], { rows: [[Float64Array.of(1, 2, 3, 4, 5, 6)]] });
    expect(pulled.y0).toEqual([Float64Array.of(3, 4, 6, 8)]);
    for (const x of [...pulled.y0, ...pulled.parameters]) read.engine.release(x);
    read.solution.release();
    expect(read.engine.live()).toBe(0);

    const { engine, solution } = open(methods[1]!, { ts: [0.3, 0.3] });
    const [state] = solution.at!(0.3);
    expect(state).toEqual(neural.y0);
    const cotangent = [noiseVector(3, 4)];
    expect(() => solution.rate!(0.3)).toThrow(/no step was taken/);
    const { y0, parameters } = solution.pullback([undefined, undefined], { points: [{ t: 0.3, cotangent }] });
    expect(y0).toEqual(cotangent);
    for (const x of [state!, ...y0, ...parameters]) engine.release(x);
    solution.release();
    expect(engine.live()).toBe(0);
  });
});

describe('refused are', () => {
  const engine = createFloat64Engine();
  const problem = { field: float64Field(engine, neural.field), y0: [neural.y0], ts: [0, 1] };
  const rows = { times: [0.2, 0.5], rows: [0, 1], count: 2 };
  const solving =
    (more: object, method: Partial<Method> = {}, strategy = symplectic): (() => unknown) =>
    () =>
      strategy.solve({ ...problem, ...more }, { ...methods[1]!, ...method });

  it('rows that are none, times outside, and engines and solvers that cannot', () => {
    expect(solving({ rows: { ...rows, rows: [0, 2] } })).toThrow(/row 2, and a state has 2/);
    expect(solving({ rows: { ...rows, rows: [0] } })).toThrow(/2 times, but 1 rows/);
    expect(solving({ rows: { ...rows, times: [0.5, 0.2] } })).toThrow(/turns back/);
    expect(solving({ rows: { ...rows, times: [0.5, 2] } })).toThrow(/turns back/);
    expect(solving({ rows, dense: true })).toThrow(/read alone/);
    const { mixRows: _, ...without } = engine;
    expect(solving({ rows, field: { ...problem.field, engine: without } })).toThrow(
      /does not take rows apart/,
    );
    expect(solving({ dense: true }, { solver: halfway, stepping: { numSteps: 2 } })).toThrow(
      /no interpolant/,
    );
  });

  it('budgets of what grows with the steps, and strategies that are not of them', () => {
    expect(solving({ dense: true }, { maxBytes: 1e6 }, auto())).toThrow(/`dense` holds states of every step/);
    expect(solving({ steps: true }, {}, auto({ maxBytes: 1e6 }))).toThrow(
      /`steps` holds states of every step/,
    );
    for (const more of [{ dense: true }, { steps: true }, { rows }])
      expect(solving(more, {}, adjoint)).toThrow(/take an exact gradient/);
    expect(engine.live()).toBe(0);
  });

  it('cotangents of what was not read', () => {
    const solution = symplectic.solve(problem, methods[1]!);
    const none = [undefined, undefined];
    expect(() => solution.pullback(none, { points: [{ t: 0.5, cotangent: [neural.y0] }] })).toThrow(
      /dense: true/,
    );
    expect(() => solution.pullback(none, { rows: [undefined] })).toThrow(/for each of the 0/);
    expect(() => solution.pullback(none, { betwen: [] } as never)).toThrow(/did you mean 'between'/i);
    solution.release();
    const steps = forward.solve({ ...problem, steps: true }, methods[0]!);
    expect(steps.ts).toEqual([0, 1 / 3, 2 / 3, 1]);
    expect(steps.ys).toHaveLength(4);
    steps.release();
    expect(engine.live()).toBe(0);
  });
});

it('rows stay within a budget', () => {
  const { ts, between } = times.increasing;
  for (const method of methods) {
    const trial: Trial = { ...neural, ts, between, reading: { rows: 2 }, timeGradients: false, method };
    const expected = runTrial(backprop, trial).gradient;
    let kept = 0;
    for (let maxBytes = 1000; maxBytes < 20_000; maxBytes *= 1.3) {
      try {
        const outcome = runTrial(auto(), { ...trial, method: { ...method, maxBytes } });
        expect(outcome.stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
        expect(relativeError(outcome.gradient, expected)).toBeLessThan(1e-12);
        kept += 1;
      } catch (error) {
        expect(String(error)).toMatch(/too small/);
      }
    }
    expect(kept).toBeGreaterThan(3);
  }
});
