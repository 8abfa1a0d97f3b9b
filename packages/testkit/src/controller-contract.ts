import { forward, type Solver, type StepSizeController } from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field } from './field.ts';
import { spiral, spiralSolution } from './problems.ts';

/**
 * Registers the tests that every step-size controller must pass: it accepts what is within the tolerance and
 * nothing else, shrinks what it rejects, forgets everything between calls, and brings a solve to its end.
 *
 * @param solver one that estimates its error
 */
export function describeController(controller: StepSizeController, solver: Solver): void {
  const norm = fc.double({ min: 1e-12, max: 1e12, noNaN: true });
  const order = fc.integer({ min: 2, max: 9 });
  const runs = { seed: 7, numRuns: 500 };

  describe(`controller ${controller.name}`, () => {
    it('accepts errors up to 1 and no others, and gives finite positive factors', () => {
      fc.assert(
        fc.property(norm, fc.array(norm, { maxLength: 2 }), order, (error, before, q) => {
          const { accept, factor } = controller.next([error, ...before], q);
          expect(accept).toBe(error <= 1);
          expect(factor).toBeGreaterThan(0);
          expect(factor).toBeLessThan(Infinity);
        }),
        runs,
      );
      expect(controller.next([1], 5).accept).toBe(true);
      expect(controller.next([0], 5)).toMatchObject({ accept: true });
      expect(controller.next([0], 5).factor).toBeLessThan(Infinity);
    });

    it('shrinks a step that it rejects, one of infinite error included', () => {
      fc.assert(
        fc.property(
          fc.double({ min: 1.2, max: Infinity, noNaN: true }),
          fc.array(norm, { maxLength: 2 }),
          order,
          (error, before, q) => {
            const { accept, factor } = controller.next([error, ...before], q);
            expect(accept).toBe(false);
            expect(factor).toBeGreaterThan(0);
            expect(factor).toBeLessThan(1);
          },
        ),
      );
    });

    it('gives no larger a factor for a larger error, all else equal', () => {
      fc.assert(
        fc.property(norm, norm, fc.array(norm, { maxLength: 2 }), order, (one, other, before, q) => {
          const [small, large] = [Math.min(one, other), Math.max(one, other)];
          const { factor, accept } = controller.next([large, ...before], q);
          if (accept) expect(factor).toBeLessThanOrEqual(controller.next([small, ...before], q).factor);
        }),
        runs,
      );
    });

    it('lets a step grow whose error is far below the tolerance', () => {
      expect(controller.next([1e-8], 5).factor).toBeGreaterThan(1);
      expect(controller.next([1e-8, 1e-8, 1e-8], 5).factor).toBeGreaterThan(1);
    });

    it('holds no state and leaves the norms alone', () => {
      fc.assert(
        fc.property(fc.array(norm, { minLength: 1, maxLength: 3 }), order, (norms, q) => {
          const before = [...norms];
          const once = controller.next(norms, q);
          controller.next([1e9], q);
          expect(controller.next(norms, q)).toEqual(once);
          expect(norms).toEqual(before);
        }),
        runs,
      );
    });

    it('brings solves to their end with errors that follow the tolerance', () => {
      const errors = [1e-3, 1e-5, 1e-7].map((rtol) => {
        const field = float64Field(createFloat64Engine(), spiral);
        const problem = { field, y0: [spiralSolution(0, 0.3)], ts: [0, 1, 2] };
        const solution = forward.solve(problem, { solver, stepping: { rtol, atol: rtol, controller } });
        const [x, y] = [solution.ys[2]![0]!, spiralSolution(2, 0.3)];
        expect(solution.stats.rejected).toBeLessThan(solution.stats.accepted);
        return Math.hypot(x[0]! - y[0]!, x[1]! - y[1]!) / rtol;
      });
      for (const error of errors) expect(error).toBeLessThan(50);
    });
  });
}
