import { pi, type AdaptiveStepping, type GradientStrategy, type Solver } from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import { centralDifferences } from './differences.ts';
import {
  discreteSolution,
  moveSteps,
  tangentGradient,
  type DiscreteGradient,
  type DiscreteStep,
} from './discrete.ts';
import { describeFailures } from './gradient-failures.ts';
import { forcing, jump, neuralField, noiseVector, pendulum, spiral } from './problems.ts';
import { cotangentsOf, flatten, relativeError, runTrial, type Outcome, type Trial } from './trial.ts';

/** What a gradient strategy is tried on. */
export interface GradientContract {
  /** Runge–Kutta solvers; the first, and the first that estimates its error, also serve where one is enough. */
  readonly solvers: readonly Solver[];
  /** Whether what is kept depends on how quick the engine is found to be. */
  readonly timed?: boolean;
}

/** Times whose neighbours differ by a factor: where adding up step sizes goes wrong first. */
export function logspace(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => 10 ** (from + ((to - from) * i) / (count - 1)));
}

/** The gradient of the discrete solution over `steps`, by forward differentiation. */
function exactGradient(trial: Trial, steps: readonly DiscreteStep[]): DiscreteGradient {
  const { method, field, y0, ts, timeGradients = true } = trial;
  const gradient = tangentGradient(method.solver.tableau!, field, y0, ts, steps, cotangentsOf(trial));
  return timeGradients ? gradient : { ...gradient, ts: ts.map(() => 0) };
}

/** The same by central differences of the solution over the same steps, moved with the output times. */
function differencedGradient(trial: Trial, steps: readonly DiscreteStep[]): DiscreteGradient {
  const { method, ts, timeGradients = true } = trial;
  const cotangents = cotangentsOf(trial);
  const gradient = centralDifferences((point) => {
    const moved = moveSteps(steps, ts, point.ts);
    const ys = discreteSolution(method.solver.tableau!, point.field, point.y0, moved);
    return ys.reduce((sum, y, i) => y.reduce((part, x, m) => part + x * (cotangents[i]?.[m] ?? 0), sum), 0);
  }, trial);
  return timeGradients ? gradient : { ...gradient, ts: ts.map(() => 0) };
}

const neural = { field: neuralField(2, 3), y0: noiseVector(9, 2) };
const increasing = [0, 0.4, 1.1];
const decreasing = [1, 0.7, -0.2];

/** Output times some of which are the same. */
const repeating: readonly (readonly [string, readonly number[]])[] = [
  ['repeated', [0, 0, 0.4, 0.4, 0.4, 1.1, 1.1]],
  ['repeated, decreasing', [1, 0.7, 0.7, -0.2, -0.2]],
  ['three equal', [0.3, 0.3, 0.3]],
  ['one', [0.3]],
];

const named = (solvers: readonly Solver[]): (readonly [string, Solver])[] =>
  solvers.map((solver) => [solver.name, solver] as const);
const isAdaptive = ({ embeddedOrder }: Solver): boolean => embeddedOrder !== undefined;
const adaptive = (rtol: number, firstStep?: number): AdaptiveStepping => ({
  ...{ rtol, atol: rtol / 100, controller: pi },
  ...(firstStep === undefined ? {} : { firstStep }),
});

/**
 * Registers the tests that every gradient strategy must pass: against forward differentiation of the discrete
 * solution (to 1e-12 in float64, if it is exact) and central differences, with respect to y0, the parameters and
 * every output time; what happens at the edges; what is left alive after successes, errors and aborts.
 */
export function describeGradient(
  strategy: GradientStrategy,
  { solvers, timed = false }: GradientContract,
): void {
  // Accurate ones, so that a strategy that is not exact comes near at the edges.
  const [best, bestAdaptive] = [solvers, solvers.filter(isAdaptive)].map(
    (list) => list.toSorted((x, y) => y.order - x.order)[0],
  );
  if (!best || !bestAdaptive) throw new Error('describeGradient needs a solver that estimates its error.');

  describe(`gradient ${strategy.name}`, () => {
    if (strategy.exact) {
      const expectExact = (trial: Trial): Outcome => {
        const outcome = runTrial(strategy, trial);
        const expected = exactGradient(trial, outcome.steps);
        expect(relativeError(outcome.gradient, expected)).toBeLessThan(1e-12);
        expect(relativeError(differencedGradient(trial, outcome.steps), expected)).toBeLessThan(1e-7);
        expect(outcome.repeated).toEqual(outcome.gradient);
        expect(outcome).toMatchObject({ live: 0, bytes: 0 });
        // A pullback leaves nothing behind but what it gives.
        expect(outcome.stats.bytes).toBeLessThanOrEqual(outcome.forward.bytes);
        const { evaluationsForward, evaluationsBackward } = outcome.stats;
        expect(evaluationsForward + evaluationsBackward).toBe(outcome.evaluations);
        return outcome;
      };

      describe.each(named(solvers))('with %s', (_, solver) => {
        it.each<readonly [string, readonly number[]]>([
          ['increasing', increasing],
          ['decreasing', decreasing],
          ['log-spaced', logspace(-3, 0, 6)],
          ...repeating,
        ])('is that of the discrete solution for equal steps and %s times', (_name, ts) => {
          expectExact({ ...neural, ts, method: { solver, stepping: { numSteps: 2 } } });
          expectExact({ ...neural, ts, method: { solver, stepping: { stepSize: 0.3 } } });
        });
      });

      describe.each(named(solvers.filter(isAdaptive)))('with %s', (_, solver) => {
        it.each([
          ['increasing', increasing],
          ['decreasing', decreasing],
        ])(
          'is that of the discrete solution for adaptive steps, some rejected, and %s times',
          (_name, ts) => {
            // So large a first step for so small a tolerance that it is rejected.
            const stepping = adaptive(10 ** (-1 - solver.order), 10);
            expect(
              expectExact({ ...neural, ts, method: { solver, stepping } }).stats.rejected,
            ).toBeGreaterThan(0);
          },
        );

        it.each(repeating)(
          'is that of the discrete solution for adaptive steps and %s times',
          (_name, ts) => {
            expectExact({ ...neural, ts, method: { solver, stepping: adaptive(1e-2) } });
          },
        );

        it('is that of the discrete solution for adaptive steps and log-spaced times', () => {
          expectExact({ ...neural, ts: logspace(-3, 0, 6), method: { solver, stepping: adaptive(1e-2) } });
        });

        it('is that of the discrete solution where f jumps in time', () => {
          expectExact({
            field: jump,
            y0: Float64Array.of(1),
            ts: [0, 1],
            // Moving ts[0] moves the steps over the jump, where the solution is not differentiable.
            timeGradients: false,
            cotangents: [undefined, Float64Array.of(1)],
            method: { solver, stepping: adaptive(1e-3, 0.1) },
          });
        });
      });
    } else {
      it.each(named(solvers))('converges to the exact one at the order of %s', (_, solver) => {
        const errors = [4, 8, 16, 32, 64].map((numSteps) => {
          const method = { solver, stepping: { numSteps } };
          const trial = { field: spiral, y0: Float64Array.of(0.3, 0.1), ts: [0, 0.5, 1], method };
          const outcome = runTrial(strategy, trial);
          return relativeError(outcome.gradient, exactGradient(trial, outcome.steps));
        });
        const last = errors.findLastIndex((error) => error > 1e-13);
        expect(Math.abs(Math.log2(errors[last - 1]! / errors[last]!) - solver.order)).toBeLessThan(0.3);
      });

      it('is not the exact one where steps are large', () => {
        const trial = { ...neural, ts: [0, 4], method: { solver: best, stepping: { numSteps: 1 } } };
        const outcome = runTrial(strategy, trial);
        expect(relativeError(outcome.gradient, exactGradient(trial, outcome.steps))).toBeGreaterThan(1e-9);
      });
    }

    describe('at the edges', () => {
      const methods = [
        ['equal steps', { solver: best, stepping: { numSteps: 5 } }],
        ['adaptive steps', { solver: bestAdaptive, stepping: adaptive(1e-7) }],
      ] as const;
      const near = strategy.exact ? 1e-12 : 1e-5;
      const close = (trial: Trial): void => {
        const outcome = runTrial(strategy, trial);
        expect(relativeError(outcome.gradient, exactGradient(trial, outcome.steps))).toBeLessThan(near);
        expect(outcome.live).toBe(0);
      };

      describe.each(methods)('with %s', (_, method) => {
        it('takes cotangents of some outputs only', () => {
          const k = noiseVector(5, 2);
          for (const cotangents of [
            [undefined, k, undefined],
            [k, undefined, undefined],
            [undefined, undefined, k],
            [undefined, undefined, undefined],
            [k, undefined, k],
          ]) {
            close({ ...neural, ts: increasing, method, cotangents });
          }
        });

        it.each(repeating)('serves %s times, whichever outputs have cotangents', (_times, ts) => {
          close({ ...neural, ts, method });
          for (const parity of [0, 1]) {
            const cotangents = ts.map((_t, i) => (i % 2 === parity ? noiseVector(i, 2) : undefined));
            close({ ...neural, ts, method, cotangents });
          }
          const { ys } = runTrial(strategy, { ...neural, ts, method });
          const all = runTrial(strategy, { ...neural, ts: [...new Set(ts)], method });
          // The same state to the bit, and no step more.
          expect(ys).toEqual(ts.map((t) => all.ys[[...new Set(ts)].indexOf(t)]));
          const stats = ({ forward: { accepted, evaluationsForward, bytesPeak } }: Outcome): number[] => [
            accepted,
            evaluationsForward,
            bytesPeak,
          ];
          expect(stats(runTrial(strategy, { ...neural, ts, method }))).toEqual(stats(all));
        });

        it('gives the direct cotangent alone where only ys[0] has one', () => {
          const k = noiseVector(5, 2);
          const { gradient } = runTrial(strategy, {
            ...neural,
            ts: increasing,
            method,
            cotangents: [k, undefined, undefined],
          });
          expect(gradient.y0).toEqual(k);
          expect(
            flatten(gradient)
              .slice(2)
              .every((x) => x === 0),
          ).toBe(true);
        });

        it('gives zeros for a parameter that f does not use', () => {
          const { gradient } = runTrial(strategy, { ...neural, ts: increasing, method });
          expect(gradient.parameters.at(-1)).toEqual(new Float64Array(2));
        });

        it('serves an f that does not depend on y, and one without parameters', () => {
          close({ field: forcing, y0: Float64Array.of(0.3), ts: increasing, method });
          close({ field: pendulum, y0: Float64Array.of(1, 0.2), ts: increasing, method });
        });

        it('serves states of several arrays', () => {
          const trial = { ...neural, ts: increasing, method };
          close({ ...trial, parts: [1, 1] });
          // The error norm is the same whatever the parts, and so is everything else.
          const [whole, cut] = [runTrial(strategy, trial), runTrial(strategy, { ...trial, parts: [1, 1] })];
          expect(relativeError(cut.gradient, whole.gradient)).toBeLessThan(1e-13);
        });

        it('uses a fused vector–Jacobian product where the field has one, to the same result', () => {
          const trial = { ...neural, ts: increasing, method };
          const [plain, fused] = [runTrial(strategy, trial), runTrial(strategy, { ...trial, vjp: true })];
          expect(fused.gradient).toEqual(plain.gradient);
          if (!timed) expect(fused.stats.activationBytesPeak).toBe(plain.stats.activationBytesPeak);
        });

        it('gives zeros for the times, and the same otherwise, where no time gradients are asked for', () => {
          const trial = { ...neural, ts: increasing, method };
          const [with_, without] = [
            runTrial(strategy, trial).gradient,
            runTrial(strategy, { ...trial, timeGradients: false }).gradient,
          ];
          expect(without).toEqual({ ...with_, ts: [0, 0, 0] });
        });

        it('solves as without a gradient, and again the same', () => {
          const trial = { ...neural, ts: increasing, method };
          const [once, again] = [runTrial(strategy, trial), runTrial(strategy, trial)];
          expect(again).toEqual(once);
          const ys = discreteSolution(method.solver.tableau!, neural.field, neural.y0, once.steps);
          once.ys.forEach((y, i) => y.forEach((x, m) => expect(x).toBeCloseTo(ys[i]![m]!, 13)));
        });
      });
    });

    describeFailures(strategy, solvers[0]!, bestAdaptive);
  });
}
