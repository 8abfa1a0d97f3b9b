import { backprop } from '@odegrad/grad-backprop';
import { auto, binomial, checkpoint, online, recompute, resolve, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import * as tableaux from '@odegrad/tableaux';
import {
  centralDifferences,
  discreteReadings,
  exactGradient,
  moveSteps,
  neuralField,
  noiseVector,
  readingsOf,
  relativeError,
  runTrial,
  type Trial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import { rungeKutta } from '../solver/runge-kutta.ts';
import { pi } from '../stepping/controllers.ts';
import type { Method } from '../types/problem.ts';
import type { ButcherTableau } from '../types/tableau.ts';

const all = Object.values(tableaux).filter((value): value is ButcherTableau => 'b' in value);
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
// One schedule on every tableau, and the others, which go through the same recursion, on a few of each kind; all with ODEGRAD_ALL.
const few = [tableaux.euler, tableaux.rk4, tableaux.bosh3, tableaux.dopri5];
const onAll = (strategy: (typeof strategies)[number]): boolean =>
  strategy === symplectic || Boolean(process.env['ODEGRAD_ALL']);
const neural = { field: neuralField(2, 3), y0: noiseVector(9, 2) };

/** Times within, next to and on ends of steps, knots and each other. */
const reading = {
  increasing: { ts: [0, 0.4, 1.1], between: [0.01, 0.2, 0.2, 0.3, 0.4, 0.4 + 1e-9, 0.7, 1.05, 1.1] },
  decreasing: { ts: [1, 0.7, -0.2], between: [0.95, 0.7 + 1e-9, 0.7, 0.5, 0.1, -0.19] },
  'without knots': { ts: [0, 1.1], between: [0.1, 0.5, 1] },
};
const fixed = (tableau: ButcherTableau): Method => ({
  solver: rungeKutta(tableau),
  stepping: { numSteps: 3 },
});
const adaptive = (tableau: ButcherTableau): Method => ({
  solver: rungeKutta(tableau),
  stepping: { rtol: 1e-3, atol: 1e-5, controller: pi },
});

/** The gradient is that of the discrete solution, by tangents and by central differences. */
function expectExact(strategy: (typeof strategies)[number], trial: Trial): void {
  const outcome = runTrial(strategy, trial);
  const expected = exactGradient(trial, outcome.steps);
  expect(relativeError(outcome.gradient, expected)).toBeLessThan(1e-12);
  expect(outcome.repeated).toEqual(outcome.gradient);
  expect(outcome).toMatchObject({ live: 0, bytes: 0 });
  const { evaluationsForward, evaluationsBackward } = outcome.stats;
  expect(evaluationsForward + evaluationsBackward).toBe(outcome.evaluations);
}

describe.each(strategies.map((strategy) => [strategy.name, strategy] as const))('%s', (_, strategy) => {
  it.each(Object.entries(reading))(
    'has the gradient of states read off the steps of tableaux, %s',
    (_name, times) => {
      for (const tableau of onAll(strategy) ? all : few) {
        expectExact(strategy, { ...neural, ...times, method: fixed(tableau) });
        if (tableau.bError) expectExact(strategy, { ...neural, ...times, method: adaptive(tableau) });
      }
    },
  );

  it('has it where only some of them, or some outputs, have a cotangent', () => {
    const times = reading.increasing;
    for (const method of [fixed(tableaux.dopri5), adaptive(tableaux.tsit5), fixed(tableaux.midpoint)]) {
      for (const parity of [0, 1, 2]) {
        const betweenCotangents = times.between.map((_t, i) =>
          i % 3 === parity ? noiseVector(i, 2) : undefined,
        );
        const none = times.ts.map(() => undefined);
        expectExact(strategy, { ...neural, ...times, method, betweenCotangents, cotangents: none });
        expectExact(strategy, { ...neural, ...times, method, betweenCotangents });
      }
      expectExact(strategy, { ...neural, ...times, method, betweenCotangents: [] });
    }
  });

  it('has it where the field evaluates and pulls back in one go, and for a state of several arrays', () => {
    const trial = { ...neural, ...reading.increasing, method: adaptive(tableaux.dopri5) };
    expectExact(strategy, { ...trial, vjp: true });
    expectExact(strategy, { ...trial, parts: [1, 1] });
    expectExact(strategy, { ...trial, timeGradients: false });
  });

  it('has it beside whole steps of an engine', () => {
    for (const alive of ['step', 'stage'] as const) {
      for (const tableau of [tableaux.rk4, tableaux.dopri5]) {
        const trial = { ...neural, ...reading.increasing, whole: { alive }, timeGradients: false };
        expectExact(strategy, { ...trial, method: fixed(tableau) });
        if (tableau.bError) expectExact(strategy, { ...trial, method: adaptive(tableau) });
      }
    }
  });
});

it('agrees with central differences, the steps moving with the output times', () => {
  const { ts, between } = { ts: [0, 1.1], between: [0.1, 0.5, 1] };
  const trial: Trial = {
    ...neural,
    ts,
    between,
    method: adaptive(tableaux.dopri5),
    cotangents: [undefined, undefined],
  };
  const { gradient, steps } = runTrial(symplectic, trial);
  const { cotangents } = readingsOf(trial);
  const within = between.map((t) => steps.findIndex(({ t0, t1 }) => t > t0 && t <= t1));
  const expected = centralDifferences(
    (point) => {
      const [times, read] = [point.ts.slice(0, ts.length), point.ts.slice(ts.length)];
      const moved = moveSteps(steps, ts, times);
      const reads = { times: read, within };
      const states = discreteReadings(tableaux.dopri5, point.field, point.y0, moved, reads);
      return states.reduce((sum, y, o) => y.reduce((part, x, m) => part + x * cotangents[o]![m]!, sum), 0);
    },
    { ...trial, ts: [...ts, ...between] },
  );
  const { between: rates = [], ...others } = gradient;
  expect(relativeError({ ...others, ts: [...others.ts, ...rates] }, expected)).toBeLessThan(1e-8);
});

describe('times between', () => {
  const dense = Array.from({ length: 1000 }, (_, i) => (1.1 * (i + 0.5)) / 1000);

  it('cost no evaluation forward and one backward, and keep no state more', () => {
    const trial = { ...neural, ts: [0, 1.1], method: adaptive(tableaux.dopri5), timeGradients: false };
    const [without, with_] = [trial, { ...trial, between: dense }].map((one) =>
      runTrial(symplectic, one),
    ) as [ReturnType<typeof runTrial>, ReturnType<typeof runTrial>];
    expect(with_.forward.evaluationsForward).toBe(without.forward.evaluationsForward);
    expect(with_.stats.evaluationsBackward).toBe(without.stats.evaluationsBackward + 1);
    expect(with_.forward.keptStateBytesPeak).toBe(without.forward.keptStateBytesPeak);
    expect(with_.ys).toEqual(without.ys);
    expect(with_.steps).toEqual(without.steps);
  });

  it.each([
    ['equal steps', fixed(tableaux.rk4), undefined],
    ['adaptive steps', adaptive(tableaux.dopri5), undefined],
    ['whole equal steps', fixed(tableaux.rk4), { alive: 'step' as const }],
    ['whole adaptive steps', adaptive(tableaux.dopri5), { alive: 'stage' as const, attempt: true }],
  ])('stay within a budget, with %s', (_, method, whole) => {
    const trial: Trial = {
      ...neural,
      ...reading.increasing,
      timeGradients: false,
      ...(whole ? { whole } : {}),
      method,
    };
    const expected = runTrial(backprop, trial).gradient;
    let kept = 0;
    for (let maxBytes = 500; maxBytes < 20_000; maxBytes *= 1.3) {
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
  });

  it('are refused where no step can be read, and by methods that have no interpolant', () => {
    const method = adaptive(tableaux.dopri5);
    const refused =
      (between: readonly number[], other = method): (() => unknown) =>
      () =>
        runTrial(symplectic, { ...neural, ts: [0, 1], between, method: other });
    expect(refused([0])).toThrow(/is the start/);
    expect(refused([1.5])).toThrow(/turns back/);
    expect(refused([0.5, 0.2])).toThrow(/turns back/);
    expect(refused([NaN])).toThrow(/finite/);
    const { interpolant: _, ...solver } = rungeKutta(tableaux.rk4);
    expect(refused([0.5], { ...fixed(tableaux.rk4), solver })).toThrow(/no interpolant/);
  });
});
