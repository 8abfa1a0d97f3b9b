import {
  rungeKutta,
  sequentialKernel,
  stageTime,
  stateBytes,
  type ButcherTableau,
  type SegmentCotangents,
  type Span,
  type State,
  type StepKernel,
  type VectorField,
} from '@odegrad/core';
import { createFloat64Engine, type Float64Engine } from './float64-engine.ts';
import { float64Field, type Float64FieldOptions, type HandWrittenField } from './field.ts';

/** What an engine does with whole steps. */
export interface WholeSteps extends Pick<StepKernel<Float64Array>, 'alive'> {
  /** Whether it attempts steps with their error estimate; it does not by default. */
  readonly attempt?: boolean;
  /** How many steps it takes in one call; 1 by default. */
  readonly longest?: number;
}

/**
 * A hand-written field whose engine takes whole steps: the tableau's own steps, on scratch arrays that nobody
 * counts, but for the pullback where it holds the activations of a stage at a time. `before` is called for each evaluation
 * within them too.
 */
export function fusedField(
  engine: Float64Engine,
  field: HandWrittenField,
  { alive, attempt: attempts = false, longest = 1 }: WholeSteps,
  options: Float64FieldOptions = {},
): VectorField<Float64Array> {
  type S = State<Float64Array>;
  const own = (x: Float64Array): Float64Array => engine.combine(undefined, [{ coefficient: 1, value: x }]);
  const { activationBytes = 64 } = field;
  const points = float64Field(engine, field, options);

  const kernelOf = (tableau: ButcherTableau): StepKernel<Float64Array> => {
    const scratch = float64Field(createFloat64Engine(), field, options);
    const silent = float64Field(createFloat64Engine(), field, { ...options, before: () => undefined });
    const solver = rungeKutta(tableau);
    const evaluatorOf = ({ evaluate }: typeof scratch) => ({
      engine: scratch.engine,
      at(span: Span, node: number, y: S) {
        const t = stageTime(span, node);
        return { t, y, slope: evaluate(t, y) };
      },
    });
    const advance = (span: Span, y: S): S =>
      solver.step(evaluatorOf(scratch), span, y, { error: false }).y.map(own);
    const pullback = (span: Span, y: S, cotangent: S): SegmentCotangents<Float64Array> => {
      let parameters: S = field.parameters.map((p) => scratch.engine.zeros(p));
      const stages = solver.restage(evaluatorOf(silent), span, y, 'all');
      const step = solver.adjointStep({
        engine: scratch.engine,
        span,
        cotangent,
        pullback(index, k) {
          const pulled = silent.linearize(stages[index]!.t, stages[index]!.y).pullback(k, false);
          parameters = parameters.map((p, m) => p.map((x, e) => x + pulled.parameters[m]![e]!));
          return { y: pulled.y, t: 0 };
        },
        withTime: false,
      });
      return { y: step.y.map(own), parameters: parameters.map(own) };
    };
    const single: StepKernel<Float64Array> = {
      longest: 1,
      alive,
      advance([span], y, keep) {
        const states = [advance(span!, y)];
        if (keep === 'states') return { states };
        const start = y.map(own);
        const linearization = {
          bytes: solver.stages * activationBytes,
          stateBytes: 0,
          pullback: ([end]: readonly (S | undefined)[]) => pullback(span!, start, end!),
          release() {
            for (const x of start) engine.release(x);
          },
        };
        return { states, linearization };
      },
      adjoint(spans, ys, cotangent) {
        if (alive === 'stage') return sequentialKernel(points, solver).adjoint(spans, ys, cotangent);
        for (let i = 0; i < solver.stages; i++) options.before?.(spans[0]!.t0);
        const pulled = pullback(spans[0]!, ys[0]!, cotangent);
        const bytes = solver.stages * activationBytes;
        return { ...pulled, evaluations: solver.stages, bytes, stateBytes: 0 };
      },
    };
    const kernel =
      longest === 1 ? single : sequentialKernel({ ...points, compile: () => single }, solver, longest);
    return {
      ...kernel,
      adjoint(spans, ys, cotangent) {
        const pulled = kernel.adjoint(spans, ys, cotangent);
        // The states of several steps are gathered for the call.
        const gathered = spans.length > 1 ? spans.length * stateBytes(engine, cotangent) : 0;
        return { ...pulled, stateBytes: pulled.stateBytes + gathered };
      },
      ...(attempts
        ? {
            attempt(span: Span, y: S, slope: S) {
              const first = { t: span.t0, y, slope };
              const step = solver.step(evaluatorOf(scratch), span, y, { first, error: true });
              return {
                y: step.y.map(own),
                error: step.error!.map(own),
                ...(step.last ? { last: step.last.slope!.map(own) } : {}),
                evaluations: tableau.b.length - 1,
              };
            },
          }
        : {}),
    };
  };
  return { ...points, compile: ({ tableau }) => tableau && kernelOf(tableau) };
}
