import {
  rungeKutta,
  stageTime,
  stateBytes,
  type ButcherTableau,
  type Cotangents,
  type FusedAdjoint,
  type FusedStep,
  type Linearization,
  type Span,
  type State,
  type VectorField,
} from '@odegrad/core';
import { createFloat64Engine, type Float64Engine } from './float64-engine.ts';
import { float64Field, type Float64FieldOptions, type HandWrittenField } from './field.ts';

/** Which of the methods of a fused step a field offers besides `advance`. */
export type FusedMethods = readonly ('attempt' | 'linearize' | 'adjoint')[];

/**
 * A hand-written field whose engine takes whole steps: the tableau's own steps, on scratch arrays that nobody
 * counts; up to `longest` of them in one call. `before` is called for each evaluation within them too.
 */
export function fusedField(
  engine: Float64Engine,
  field: HandWrittenField,
  methods: FusedMethods,
  options: Float64FieldOptions = {},
  longest = 1,
): VectorField<Float64Array> {
  type S = State<Float64Array>;
  const own = (x: Float64Array): Float64Array => engine.combine(undefined, [{ coefficient: 1, value: x }]);
  const { activationBytes = 64 } = field;

  const fuse = (tableau: ButcherTableau): FusedStep<Float64Array> => {
    const scratch = float64Field(createFloat64Engine(), field, options);
    const solver = rungeKutta(tableau);
    const evaluator = {
      engine: scratch.engine,
      at: (span: Span, node: number, y: S) => {
        const t = stageTime(span, node);
        return { t, y, slope: scratch.evaluate(t, y) };
      },
    };
    const advance = (span: Span, y: S): S =>
      solver.step(evaluator, span, y, { error: false, stages: false }).y.map(own);
    const pullback = (span: Span, y: S, cotangent: S): Cotangents<Float64Array> => {
      let parameters: S = field.parameters.map((p) => scratch.engine.zeros(p));
      const silent = float64Field(createFloat64Engine(), field, { ...options, before: () => undefined });
      const stages = solver.restage(
        {
          ...evaluator,
          at(_, node, at) {
            const t = stageTime(span, node);
            return { t, y: at, slope: silent.evaluate(t, at) };
          },
        },
        span,
        y,
        'all',
      );
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
      return { t: 0, y: step.y.map(own), parameters: parameters.map(own) };
    };
    const linearize = (span: Span, y: S): Linearization<Float64Array> => {
      const value = advance(span, y);
      const start = y.map(own);
      return {
        value,
        bytes: solver.stages * activationBytes,
        pullback: (cotangent: S) => pullback(span, start, cotangent),
        release() {
          for (const x of start) engine.release(x);
        },
      };
    };
    /** Back through steps of which the last is pulled back first. */
    const back = (
      steps: readonly ((cotangent: S) => Cotangents<Float64Array>)[],
      cotangent: S,
    ): Cotangents<Float64Array> => {
      let pulled: Cotangents<Float64Array> | undefined;
      for (const step of [...steps].reverse()) {
        const next = step(pulled?.y ?? cotangent);
        const sum = next.parameters.map((x, i) =>
          x.map((entry, e) => entry + (pulled?.parameters[i]![e] ?? 0)),
        );
        [...next.parameters, ...(pulled ? [...pulled.y, ...pulled.parameters] : [])].forEach((x) => {
          engine.release(x);
        });
        pulled = { ...next, parameters: sum.map(own) };
      }
      return pulled!;
    };
    const adjoint = (spans: readonly Span[], ys: readonly S[], cotangent: S): FusedAdjoint<Float64Array> => {
      for (let i = 0; i < solver.stages * spans.length; i++) options.before?.(spans[0]!.t0);
      const steps = spans.map((span, n) => (c: S) => pullback(span, ys[n]!, c));
      return { ...back(steps, cotangent), bytes: solver.stages * activationBytes };
    };
    const linearizes = methods.includes('linearize');
    const adjoins = methods.includes('adjoint');
    return {
      advance,
      ...(methods.includes('attempt')
        ? {
            attempt(span: Span, y: S, slope: S) {
              const first = { t: span.t0, y, slope };
              const step = solver.step(evaluator, span, y, { first, error: true, stages: false });
              return {
                y: step.y.map(own),
                error: step.error!.map(own),
                ...(step.last ? { last: step.last.slope!.map(own) } : {}),
              };
            },
          }
        : {}),
      ...(linearizes ? { linearize } : {}),
      ...(adjoins ? { adjoint: (span: Span, y: S, cotangent: S) => adjoint([span], [y], cotangent) } : {}),
      ...(longest > 1
        ? {
            several: {
              longest,
              advance(spans: readonly Span[], y: S) {
                const states: S[] = [];
                for (const span of spans) states.push(advance(span, states.at(-1) ?? y));
                return states;
              },
              ...(linearizes
                ? {
                    linearize(spans: readonly Span[], y: S) {
                      const made: Linearization<Float64Array>[] = [];
                      for (const span of spans) made.push(linearize(span, made.at(-1)?.value ?? y));
                      return made;
                    },
                    pullback: (linearizations: readonly Linearization<Float64Array>[], cotangent: S) =>
                      back(
                        linearizations.map((x) => (c: S) => x.pullback(c, false)),
                        cotangent,
                      ),
                  }
                : {}),
              ...(adjoins
                ? {
                    adjoint: (spans: readonly Span[], ys: readonly S[], cotangent: S) => ({
                      ...adjoint(spans, ys, cotangent),
                      stateBytes: spans.length * stateBytes(engine, cotangent),
                    }),
                  }
                : {}),
            },
          }
        : {}),
    };
  };
  return { ...float64Field(engine, field, options), fuse };
}
