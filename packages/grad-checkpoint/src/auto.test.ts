import fc from 'fast-check';
import {
  ArgumentError,
  createLedger,
  pi,
  rungeKutta,
  SolveError,
  type ButcherTableau,
  type GradientStrategy,
  type Method,
} from '@odegrad/core';
import { backprop } from '@odegrad/grad-backprop';
import { bosh3, cashKarp, dopri5, euler, rk4 } from '@odegrad/tableaux';
import {
  leastBytes,
  createFloat64Engine,
  float64Field,
  linear,
  neuralField,
  noiseVector,
  relativeError,
  runTrial,
  type Outcome,
  type Trial,
} from '@odegrad/testkit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { auto, binomial, stages } from './index.ts';

/** Budgets are tried three times as close together, and five times as many random ones. */
const ALL = Boolean(process.env['ODEGRAD_ALL']);

/** Bytes of the states below. */
const STATE = 24;

const fixed = (tableau: ButcherTableau, numSteps: number): Method => ({
  solver: rungeKutta(tableau),
  stepping: { numSteps },
});
// So large a first step that some attempts are rejected.
const adaptive = (tableau: ButcherTableau, rtol: number): Method => ({
  solver: rungeKutta(tableau),
  stepping: { rtol, atol: rtol, firstStep: 10, controller: pi },
});

function trial(method: Method, about: Partial<Trial> & { activationBytes?: number } = {}): Trial {
  const { activationBytes = 100, ...rest } = about;
  return {
    field: { ...neuralField(3, 4), activationBytes },
    y0: noiseVector(9, 3),
    ts: [0, 4],
    timeGradients: false,
    ...rest,
    method,
  };
}

const evaluations = ({ stats }: Outcome): number => stats.evaluationsForward + stats.evaluationsBackward;

/** Runs a trial whose engine is found to take `ratio` of the time for keeping activations that making them again takes. */
function runTimed(strategy: GradientStrategy, problem: Trial, ratio: number): Outcome {
  let calls = 0;
  // The first half of the times are those with activations that are kept.
  vi.spyOn(performance, 'now').mockImplementation(() => {
    const call = calls++;
    return call % 2 === 0 ? 0 : call < 12 ? ratio : 1;
  });
  return runTrial(strategy, problem);
}

afterEach(() => {
  vi.restoreAllMocks();
});

const METHODS = [
  ['euler', fixed(euler, 19)],
  ['rk4', fixed(rk4, 14)],
  ['dopri5', fixed(dopri5, 9)],
  ['adaptive dopri5', adaptive(dopri5, 1e-8)],
  ['adaptive bosh3', adaptive(bosh3, 1e-4)],
  ['adaptive cash_karp', adaptive(cashKarp, 1e-7)],
] as const;

const FIELDS = [
  ['a field', {}],
  ['a field with few activations', { activationBytes: 8 }],
  ['a field with many activations', { activationBytes: 2000 }],
  ['gradients of the times', { timeGradients: true }],
  ['several outputs', { ts: [0, 1, 2.5, 4], parts: [2, 1] }],
] as const;

describe.each(METHODS)('with %s', (_, method) => {
  describe.each(FIELDS)('and %s', (_field, about) => {
    const problem = trial(method, about);
    const reference = runTrial(backprop, problem);
    const least = leastBytes(auto, problem);
    const outputs = (problem.ts.length - 2) * STATE;

    it('the budget that the error names is enough, one byte less is not, and no schedule is leaner', () => {
      const { stats, gradient } = runTrial(auto({ maxBytes: least }), problem);
      // Adaptive steps reckon with activations at the start of a step that the least budget does not keep.
      const slack = problem.field.activationBytes === 8 ? 8 : 0;
      expect(stats.bytesPeak).toBeLessThanOrEqual(least);
      expect(stats.bytesPeak).toBeGreaterThanOrEqual(least - slack);
      expect(relativeError(gradient, reference.gradient)).toBeLessThan(1e-12);
      expect(() => runTrial(auto({ maxBytes: least - 1 }), problem)).toThrow(SolveError);
      const { bytesPeak } = runTrial(binomial({ checkpoints: 1 }), problem).stats;
      expect(bytesPeak).toBeLessThanOrEqual(least);
      expect(bytesPeak).toBeGreaterThanOrEqual(stats.bytesPeak);
    });

    it('the bytes of backprop buy its evaluations', () => {
      // With one stage the sum of parameters comes after the most activations (`footprint` counts both).
      const slack = method.solver.stages === 1 ? 10 * STATE + 2000 : 0;
      const maxBytes = reference.stats.bytesPeak + outputs + slack;
      const { stats, gradient } = runTrial(auto({ maxBytes }), problem);
      const { evaluationsForward } = reference.stats;
      expect(stats).toMatchObject({ evaluationsForward, evaluationsBackward: 0, extraSteps: 0 });
      expect(gradient).toEqual(reference.gradient);
      expect(runTrial(auto({ maxBytes: Infinity }), problem).stats).toMatchObject({ evaluationsBackward: 0 });
    });

    it('no budget is exceeded, a larger one never costs more evaluations, and all give the gradient', () => {
      const step = Math.ceil((reference.stats.bytesPeak - least) / (ALL ? 40 : 13));
      let before = Infinity;
      const costs = new Set<number>();
      for (let maxBytes = least; maxBytes < reference.stats.bytesPeak + step; maxBytes += step) {
        const outcome = runTrial(auto({ maxBytes }), problem);
        expect(outcome.stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
        expect(relativeError(outcome.gradient, reference.gradient)).toBeLessThan(1e-12);
        expect(relativeError(outcome.repeated, reference.gradient)).toBeLessThan(1e-12);
        expect(outcome).toMatchObject({ live: 0, bytes: 0 });
        expect(evaluations(outcome)).toBeLessThanOrEqual(before);
        before = evaluations(outcome);
        costs.add(before);
      }
      expect(costs.size).toBeGreaterThan(5);
    });
  });
});

describe('random budgets', () => {
  const tableaux = [euler, rk4, dopri5, bosh3, cashKarp];

  it('are kept to, and give the gradient of backprop', () => {
    const about = fc.record({
      tableau: fc.constantFrom(...tableaux),
      numSteps: fc.option(fc.integer({ min: 1, max: 25 })),
      activationBytes: fc.integer({ min: 1, max: 1000 }),
      timeGradients: fc.boolean(),
      vjp: fc.boolean(),
      ratio: fc.constantFrom(0.5, 2),
      outputs: fc.integer({ min: 2, max: 5 }),
      share: fc.double({ min: 0, max: 1.1, noNaN: true }),
    });
    fc.assert(
      fc.property(about, ({ tableau, numSteps, outputs, share, ratio, ...rest }) => {
        // A method without an error estimate takes equal steps.
        const isFixed = numSteps !== null || tableau.bError === undefined;
        const method = isFixed ? fixed(tableau, numSteps ?? 7) : adaptive(tableau, 1e-5);
        const ts = Array.from({ length: outputs }, (_, i) => (4 * i) / (outputs - 1));
        const problem = trial(method, { ...rest, ts });
        const reference = runTrial(backprop, problem);
        const least = leastBytes(auto, problem);
        const maxBytes = Math.floor(least + share * Math.max(0, reference.stats.bytesPeak - least));
        const { stats, gradient, live, bytes } = runTimed(auto({ maxBytes }), problem, ratio);
        expect(stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
        expect(relativeError(gradient, reference.gradient)).toBeLessThan(1e-12);
        expect([live, bytes]).toEqual([0, 0]);
      }),
      { numRuns: ALL ? 200 : 40, seed: 4 },
    );
  });
});

describe('activations that weigh less than the states of stages and what is made of them', () => {
  it('are made for a whole step at once even in the least budget, and kept for the last step', () => {
    const problem = trial(fixed(rk4, 14), { activationBytes: 8 });
    const { stats } = runTrial(auto({ maxBytes: leastBytes(auto, problem) }), problem);
    expect(stats.extraSteps).toBeGreaterThan(0);
    expect(stats.evaluationsBackward).toBe(4 * (stats.extraSteps + 13));
    const heavy = trial(fixed(rk4, 14), { activationBytes: 100 });
    const other = runTrial(auto({ maxBytes: leastBytes(auto, heavy) }), heavy).stats;
    // One stage at a time: 2s − 1 a step, but the last keeps its stages.
    expect(other.evaluationsBackward).toBe(4 * other.extraSteps + 7 * 13 + 4);
  });
});

describe('an engine that is quicker at making activations again than at keeping them', () => {
  it('keeps none, and costs what stages cost where the budget is ample', () => {
    const problem = trial(fixed(rk4, 10), { vjp: true });
    const { stats } = runTimed(auto({ maxBytes: 1e6 }), problem, 2);
    const { evaluationsForward, evaluationsBackward, bytesPeak } = runTrial(stages, problem).stats;
    expect(stats).toMatchObject({
      evaluationsForward,
      evaluationsBackward,
      bytesPeak,
      activationBytesPeak: 100,
    });
    expect(runTimed(auto({ maxBytes: 1e6 }), problem, 0.9).stats.evaluationsBackward).toBe(0);
  });

  it('gives a larger budget never more evaluations either', () => {
    const problem = trial(adaptive(dopri5, 1e-8), { vjp: true });
    const [least, most] = [leastBytes(auto, problem), runTrial(stages, problem).stats.bytesPeak];
    const step = ALL ? 50 : 150;
    let before = Infinity;
    for (let maxBytes = least; maxBytes < most + step; maxBytes += step) {
      const outcome = runTimed(auto({ maxBytes }), problem, 2);
      expect(outcome.stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
      expect(outcome.stats.activationBytesPeak).toBe(100);
      expect(evaluations(outcome)).toBeLessThanOrEqual(before);
      before = evaluations(outcome);
    }
    expect(before).toBe(evaluations(runTrial(stages, problem)));
  });
});

describe('an engine that takes whole steps', () => {
  it.each([{ alive: 'step' }, { alive: 'stage' }] as const)(
    'by %j keeps to every budget, and larger ones never cost more evaluations',
    (whole) => {
      for (const [ratio, method] of [0.5, 2].flatMap((r) => [
        [r, fixed(rk4, 15)] as const,
        [r, adaptive(dopri5, 1e-6)] as const,
      ])) {
        const problem = trial(method, { whole });
        const reference = runTrial(backprop, problem);
        const step = ALL ? 100 : 300;
        let before = Infinity;
        for (
          let maxBytes = leastBytes(auto, problem);
          maxBytes < reference.stats.bytesPeak + step;
          maxBytes += step
        ) {
          const outcome = runTimed(auto({ maxBytes }), problem, ratio);
          expect(outcome.stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
          expect(relativeError(outcome.gradient, reference.gradient)).toBeLessThan(1e-12);
          expect(evaluations(outcome)).toBeLessThanOrEqual(before);
          before = evaluations(outcome);
        }
      }
    },
  );
});

describe('solves that share a ledger', () => {
  it('share its budget: the ledger never shows more than the last was given', () => {
    const engine = createFloat64Engine();
    const ledger = createLedger();
    const budgets = [3000, 6000, 9000];
    const method = { ...fixed(rk4, 12), ledger };
    const field = (m: number) => float64Field(engine, { ...neuralField(3, 4, m), activationBytes: 100 });
    let y0: readonly Float64Array[] = [noiseVector(9, 3)];
    const solutions = budgets.map((maxBytes, m) => {
      const solution = auto({ maxBytes }).solve({ field: field(m), y0, ts: [0, 1] }, method);
      y0 = solution.ys[1]!;
      return solution;
    });
    // What the others hold is told apart.
    const held = ledger.bytes;
    const refused = () => auto({ maxBytes: held }).solve({ field: field(3), y0, ts: [0, 1] }, method);
    expect(refused).toThrow(`${held} of which other solves on the same ledger hold`);
    let cotangent: readonly Float64Array[] = [noiseVector(10, 3)];
    for (const solution of solutions.toReversed()) {
      const { y0: next, parameters } = solution.pullback([undefined, cotangent]);
      [...cotangent.filter((x) => x !== cotangent[0]), ...parameters].forEach(engine.release);
      cotangent = next;
      solution.release();
    }
    expect(ledger.bytesPeak).toBeLessThanOrEqual(9000);
    expect(ledger.bytes).toBe(0);
  });
});

describe('10,000 steps', () => {
  it('take the evaluations of 20 slots in a budget for 21 states', () => {
    const problem = trial(fixed(euler, 10_000), { y0: Float64Array.of(1), field: linear(-1) });
    const maxBytes = leastBytes(auto, problem) + 19 * 8;
    const { stats } = runTrial(auto({ maxBytes }), problem);
    expect(stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
    expect(stats.extraSteps).toBe(27_977);
  });
});

describe('a budget', () => {
  it('comes from the solve where the strategy has none', () => {
    const problem = trial(fixed(rk4, 10));
    const own = runTrial(auto({ maxBytes: 2000 }), problem);
    const fromSolve = runTrial(auto(), { ...problem, method: { ...problem.method, maxBytes: 2000 } });
    expect(fromSolve.stats).toEqual(own.stats);
    expect(() => runTrial(auto(), problem)).toThrow(ArgumentError);
    expect(() => runTrial(auto(), problem)).toThrow('give `maxBytes`');
  });

  it('is positive', () => {
    for (const maxBytes of [0, -1, NaN]) {
      expect(() => auto({ maxBytes })).toThrow(ArgumentError);
      const method = { ...fixed(rk4, 10), maxBytes };
      expect(() => runTrial(auto(), trial(method))).toThrow(ArgumentError);
    }
  });

  it('that is too small is refused before the first step, saying what would do', () => {
    let steps = 0;
    const method = { ...adaptive(dopri5, 1e-5), onStep: () => void (steps += 1) };
    const problem = trial(method);
    const least = leastBytes(auto, problem);
    expect(() => runTrial(auto({ maxBytes: least - 1 }), problem)).toThrow(
      `A budget of ${least - 1} bytes is too small: this gradient takes ${least} at least. Raise`,
    );
    expect(steps).toBe(0);
  });
});
