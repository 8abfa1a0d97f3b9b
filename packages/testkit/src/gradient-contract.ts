import type { GradientStrategy, Solver } from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import { describeEdges } from './gradient-edges.ts';
import { describeFailures } from './gradient-failures.ts';
import {
  adaptive,
  decreasing,
  differencedGradient,
  exactGradient,
  increasing,
  isAdaptive,
  named,
  neural,
  repeating,
} from './gradient-trials.ts';
import { jump, spiral } from './problems.ts';
import { relativeError, runTrial, type Outcome, type Trial } from './trial.ts';

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

    describeEdges(strategy, [best, bestAdaptive], timed);
    describeFailures(strategy, solvers[0]!, bestAdaptive);
  });
}
