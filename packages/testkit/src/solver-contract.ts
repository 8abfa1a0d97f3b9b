import {
  combineStates,
  dotStates,
  forward,
  pi,
  stageTime,
  type Solver,
  type Span,
  type Stage,
  type StageEvaluator,
  type State,
  type StepCotangents,
  type VectorField,
} from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import { centralDifferences } from './differences.ts';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field, type HandWrittenField } from './field.ts';
import { neuralField, noiseVector, spiral, spiralSolution } from './problems.ts';
import { relativeError } from './trial.ts';

type S = State<Float64Array>;

/** Has stages evaluated and counts them; nothing is released. */
function evaluatorOf(
  field: VectorField<Float64Array>,
  count: { evaluations: number },
): StageEvaluator<Float64Array> {
  return {
    engine: field.engine,
    at(span, node, y) {
      count.evaluations += 1;
      const t = stageTime(span, node);
      return { t, y, slope: field.evaluate(t, y) };
    },
  };
}

/** One step of `solver` alone. */
function stepOf(solver: Solver, handWritten: HandWrittenField, span: Span, y: Float64Array) {
  const field = float64Field(createFloat64Engine(), handWritten);
  const count = { evaluations: 0 };
  const step = solver.step(evaluatorOf(field, count), span, [y], { error: true });
  return { ...step, ...count };
}

/** log₂ of the ratio of the last two values that stand clear of roundoff. */
function observedExponent(values: readonly number[]): number {
  const last = values.findLastIndex((value) => value > 3e-13);
  expect(last).toBeGreaterThan(0);
  return Math.log2(values[last - 1]! / values[last]!);
}

const distance = (x: Float64Array, y: Float64Array): number => Math.hypot(...x.map((xi, i) => xi - y[i]!));

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
    if (solver.adjointStep && solver.restage) describeDifferentiation(solver as Differentiable);
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

type Differentiable = Solver & Required<Pick<Solver, 'restage' | 'adjointStep'>>;

/** The cotangents that a step's pullback gives, the parameters' included. */
function pullStepBack(
  solver: Differentiable,
  field: VectorField<Float64Array>,
  span: Span,
  y: S,
  cotangent: S,
): StepCotangents<Float64Array> & { readonly parameters: S; readonly asked: readonly number[] } {
  const { engine } = field;
  const stages = solver.restage(evaluatorOf(field, { evaluations: 0 }), span, y, 'all');
  const asked: number[] = [];
  let parameters: S = field.parameters.map((p) => engine.zeros(p));
  const pulled = solver.adjointStep({
    engine,
    span,
    cotangent,
    pullback(index, slopeCotangent) {
      asked.push(index);
      const stage = stages[index]!;
      const linearization = field.linearize(stage.t, stage.y);
      const back = linearization.pullback(slopeCotangent, true);
      parameters = combineStates(engine, parameters, [{ coefficient: 1, value: back.parameters }]);
      return { y: back.y, t: back.t, slope: linearization.value };
    },
    withTime: true,
  });
  return { ...pulled, parameters, asked };
}

/**
 * The field of (y, δ) with δ′ = (∂f/∂y) δ. A Runge–Kutta step of it carries the exact tangent of the step along,
 * because differentiating a step and stepping the variational equation are the same thing.
 */
function variational(field: HandWrittenField, n: number): HandWrittenField {
  return {
    parameters: field.parameters,
    value(t, state, parameters) {
      const [y, delta] = [state.slice(0, n), state.slice(n)];
      const tangent = y.map((_, m) => {
        const unit = y.map((_x, l) => (l === m ? 1 : 0));
        return field.pullback(t, y, parameters, unit).y.reduce((sum, x, l) => sum + x * delta[l]!, 0);
      });
      return Float64Array.of(...field.value(t, y, parameters), ...tangent);
    },
    pullback: () => {
      throw new Error('The variational equation is only solved.');
    },
  };
}

function describeDifferentiation(solver: Differentiable): void {
  const n = 3;
  const handWritten = neuralField(n, 4);
  const y = noiseVector(9, n);
  const cotangent = noiseVector(10, n);

  describe.each([
    ['forward', { t0: 0.3, t1: 0.9 }],
    ['backward', { t0: 0.9, t1: 0.3 }],
  ])('%s in time', (_, span) => {
    it('pulls back what central differences of a step give', () => {
      const field = float64Field(createFloat64Engine(), handWritten);
      const pulled = pullStepBack(solver, field, span, [y], [cotangent]);
      const expected = centralDifferences(
        (point) => {
          const [t0, t1] = point.ts as [number, number];
          const step = stepOf(solver, point.field, { t0, t1 }, point.y0);
          return step.y[0]!.reduce((sum, x, m) => sum + x * cotangent[m]!, 0);
        },
        { field: handWritten, y0: y, ts: [span.t0, span.t1] },
      );
      const actual = { y0: pulled.y[0]!, parameters: pulled.parameters, ts: [pulled.t0, pulled.t1] };
      expect(relativeError(actual, expected)).toBeLessThan(1e-8);
    });

    it('conserves ⟨λ, δ⟩ for every solution δ of the variational equation', () => {
      const engine = createFloat64Engine();
      const field = float64Field(engine, handWritten);
      for (let direction = 0; direction < 4; direction++) {
        const delta = noiseVector(30 + direction, n);
        const both = stepOf(solver, variational(handWritten, n), span, Float64Array.of(...y, ...delta));
        const end = dotStates(engine, [both.y[0]!.slice(n)], [cotangent]);
        const start = dotStates(engine, [delta], pullStepBack(solver, field, span, [y], [cotangent]).y);
        expect(Math.abs(end - start)).toBeLessThan(1e-14 * (1 + Math.abs(end)));
      }
    });

    it('makes the stages of the step again, and only those', () => {
      const field = float64Field(createFloat64Engine(), handWritten);
      const count = { evaluations: 0 };
      const evaluator = evaluatorOf(field, count);
      const { stages } = solver.step(evaluator, span, [y], { error: false });
      count.evaluations = 0;
      const all = solver.restage(evaluator, span, [y], 'all');
      expect(all).toEqual(stages);
      expect(count.evaluations).toBe(solver.stages);
      count.evaluations = 0;
      const needed = solver.restage(evaluator, span, [y], 'needed');
      const points = (list: readonly Stage<Float64Array>[]) => list.map((stage) => [stage.t, stage.y]);
      expect(points(needed)).toEqual(points(stages));
      expect(count.evaluations).toBeLessThanOrEqual(solver.stages);
      for (const [i, stage] of needed.entries()) {
        if (stage.slope) expect(stage.slope).toEqual(stages[i]!.slope);
      }
    });

    it('asks for the pullback of each stage at most once, last stage first', () => {
      const field = float64Field(createFloat64Engine(), handWritten);
      const { asked } = pullStepBack(solver, field, span, [y], [cotangent]);
      expect(asked).toEqual([...new Set(asked)].toSorted((i, j) => j - i));
      expect(asked.every((i) => i < solver.stages)).toBe(true);
    });

    it('is linear in the cotangent', () => {
      const engine = createFloat64Engine();
      const field = float64Field(engine, handWritten);
      const pull = (k: Float64Array): Float64Array => pullStepBack(solver, field, span, [y], [k]).y[0]!;
      const [other, sum] = [noiseVector(11, n), cotangent.map((x, i) => 2 * x - 3 * noiseVector(11, n)[i]!)];
      const [one, two] = [pull(cotangent), pull(other)];
      pull(sum).forEach((x, i) => expect(x).toBeCloseTo(2 * one[i]! - 3 * two[i]!, 13));
    });
  });
}
