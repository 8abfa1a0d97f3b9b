import { forward, pi, type DifferentiableSolver, type Solver } from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field, type HandWrittenField } from './field.ts';
import { spiral, spiralSolution } from './problems.ts';
import { describeDifferentiation } from './solver-differentiation.ts';
import { distance, evaluatorOf, observedExponent, stepOf, type S } from './solver-trials.ts';

/**
 * Registers the tests that every solver must pass: the order that it claims, in both directions of time, the
 * order of its error estimate, the evaluations that it claims, and, if its steps can be differentiated, that
 * `adjointStep` is the transpose of the step's derivative and `restage` makes the very stages of the step.
 */
export function describeSolver(solver: Solver): void {
  describe(`solver ${solver.name}`, () => {
    it('has its order on a coupled, non-linear, non-autonomous problem', () => {
      const errors = [4, 8, 16, 32, 64, 128, 256, 512].map((numSteps) => {
        const field = float64Field(createFloat64Engine(), spiral);
        const problem = { field, y0: [spiralSolution(0, 0.3)], ts: [0, 1] };
        const solution = forward.solve(problem, { solver, stepping: { numSteps } });
        return distance(solution.ys[1]![0]!, spiralSolution(1, 0.3));
      });
      expect(Math.abs(observedExponent(errors) - solver.order)).toBeLessThan(0.15);
    });

    it('solves the mirrored problem backward in time, bit by bit', () => {
      const mirrored: HandWrittenField = {
        ...spiral,
        value: (t, y, p) => spiral.value(-t, y, p).map((x) => -x),
      };
      const solve = (field: HandWrittenField, ts: number[]): readonly S[] =>
        forward.solve(
          { field: float64Field(createFloat64Engine(), field), y0: [spiralSolution(0, 0.3)], ts },
          { solver, stepping: { numSteps: 3 } },
        ).ys;
      expect(solve(mirrored, [0, -0.4, -1])).toEqual(solve(spiral, [0, 0.4, 1]));
    });

    it('takes the evaluations that it claims for a step of constant size', () => {
      let evaluations = 0;
      const before = (): void => void (evaluations += 1);
      const field = float64Field(createFloat64Engine(), spiral, { before });
      forward.solve(
        { field, y0: [spiralSolution(0, 0.3)], ts: [0, 1] },
        { solver, stepping: { numSteps: 5 } },
      );
      expect(evaluations).toBe(5 * solver.stages);
    });

    it('saves the evaluation at the start of the step where it is given the slope there', () => {
      const span = { t0: 0.2, t1: 0.5 };
      const y = [spiralSolution(0.2, 0.3)];
      const field = float64Field(createFloat64Engine(), spiral);
      const count = { evaluations: 0 };
      const evaluator = evaluatorOf(field, count);
      const request = { error: solver.embeddedOrder !== undefined };
      const plain = solver.step(evaluator, span, y, request);
      const counted = count.evaluations;
      const first = evaluator.at(span, 0, y);
      count.evaluations = 0;
      const again = solver.step(evaluator, span, y, { ...request, first });
      expect(again.y).toEqual(plain.y);
      expect(again.error).toEqual(plain.error);
      // Only a solver that evaluates f there at all can save that.
      const begins = plain.stages.some((stage) => stage.t === span.t0 && stage.y[0] === y[0]);
      expect(count.evaluations).toBe(begins ? counted - 1 : counted);
    });

    it('leaves y0 and the arrays of the solve alone', () => {
      const engine = createFloat64Engine();
      const y0 = spiralSolution(0, 0.3);
      const solution = forward.solve(
        { field: float64Field(engine, spiral), y0: [y0], ts: [0, 0.5, 1] },
        { solver, stepping: { numSteps: 3 } },
      );
      expect(y0).toEqual(spiralSolution(0, 0.3));
      expect(engine.live()).toBe(2);
      solution.release();
      expect(engine.live()).toBe(0);
    });

    if (solver.embeddedOrder !== undefined) describeErrorEstimate(solver, solver.embeddedOrder);
    if (solver.adjointStep && solver.restage) describeDifferentiation(solver as DifferentiableSolver);
  });
}

function describeErrorEstimate(solver: Solver, embeddedOrder: number): void {
  it.each([
    ['forward', 1],
    ['backward', -1],
  ])('has an error estimate of the lower of its orders plus one %s in time', (_, sign) => {
    const estimates = Array.from({ length: 9 }, (_step, i) => {
      const span = { t0: 0.4, t1: 0.4 + sign * 2 ** (-i - 1) };
      const { error } = stepOf(solver, spiral, span, spiralSolution(0.4, 0.3));
      return Math.hypot(...error![0]!);
    });
    const expected = Math.min(solver.order, embeddedOrder) + 1;
    expect(Math.abs(observedExponent(estimates) - expected)).toBeLessThan(0.15);
  });

  it('gives the slope at the end of the step as `last`, or none', () => {
    const span = { t0: 0.4, t1: 0.7 };
    const { last, y } = stepOf(solver, spiral, span, spiralSolution(0.4, 0.3));
    if (!last) return;
    expect(last.t).toBe(span.t1);
    expect(last.y).toEqual(y);
    expect(last.slope).toEqual([spiral.value(span.t1, y[0]!, spiral.parameters)]);
  });

  it('comes closer with a smaller tolerance', () => {
    const errors = [1e-4, 1e-6, 1e-8].map((rtol) => {
      const field = float64Field(createFloat64Engine(), spiral);
      const stepping = { rtol, atol: rtol, controller: pi };
      const problem = { field, y0: [spiralSolution(0, 0.3)], ts: [0, 1] };
      return distance(forward.solve(problem, { solver, stepping }).ys[1]![0]!, spiralSolution(1, 0.3));
    });
    errors.forEach((error, i) => expect(error).toBeLessThan(500 * 10 ** (-4 - 2 * i)));
    expect(errors[2]).toBeLessThan(errors[0]! / 100);
  });
}
