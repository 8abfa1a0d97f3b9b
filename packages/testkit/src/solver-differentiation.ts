import {
  combineStates,
  dotStates,
  type DifferentiableSolver,
  type Span,
  type Stage,
  type StepCotangents,
  type VectorField,
} from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import { centralDifferences } from './differences.ts';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field, type HandWrittenField } from './field.ts';
import { neuralField, noiseVector } from './problems.ts';
import { evaluatorOf, stepOf, type S } from './solver-trials.ts';
import { relativeError } from './trial.ts';

/** The cotangents that a step's pullback gives, the parameters' included. */
function pullStepBack(
  solver: DifferentiableSolver,
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

/** `adjointStep` is the transpose of the step's derivative, and `restage` makes the very stages of the step. */
export function describeDifferentiation(solver: DifferentiableSolver): void {
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
