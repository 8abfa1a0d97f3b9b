import {
  stageTime,
  type Solver,
  type Span,
  type StageEvaluator,
  type State,
  type Step,
  type VectorField,
} from '@odegrad/core';
import { expect } from 'vitest';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field, type HandWrittenField } from './field.ts';

/** A state of one array of doubles or more. */
export type S = State<Float64Array>;

/** Has stages evaluated and counts them; nothing is released. */
export function evaluatorOf(
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
export function stepOf(
  solver: Solver,
  handWritten: HandWrittenField,
  span: Span,
  y: Float64Array,
): Step<Float64Array> & { readonly evaluations: number } {
  const field = float64Field(createFloat64Engine(), handWritten);
  const count = { evaluations: 0 };
  const step = solver.step(evaluatorOf(field, count), span, [y], { error: true });
  return { ...step, ...count };
}

/** log₂ of the ratio of the last two values that stand clear of roundoff. */
export function observedExponent(values: readonly number[]): number {
  const last = values.findLastIndex((value) => value > 3e-13);
  expect(last).toBeGreaterThan(0);
  return Math.log2(values[last - 1]! / values[last]!);
}

/** The Euclidean distance. */
export const distance = (x: Float64Array, y: Float64Array): number =>
  Math.hypot(...x.map((xi, i) => xi - y[i]!));
