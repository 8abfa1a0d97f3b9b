import {
  isFirstSameAsLast,
  sequentialKernel,
  type Attempt,
  type Segment,
  type SegmentCotangents,
  type Solver,
  type Span,
  type State,
  type StepKernel,
  type VectorField,
} from '@odegrad/core';
import {
  addInto,
  hold,
  release,
  releasedOnce,
  take,
  unhold,
  zeros,
  type ArrayKind,
  type FloatData,
} from '@odegrad/trace';

import type { WasmArray } from '../runtime/array.ts';
import type { Solve } from './model.ts';
import { entriesOf, namesOf } from './names.ts';
import type { StepModel, StepModels } from './step-models.ts';

/** Bytes of states that one call takes in or gives out at most, and steps. */
const LONGEST = { bytes: 2 ** 16, steps: 64 };

interface Scene {
  readonly solve: Solve;
  readonly field: VectorField<WasmArray>;
  /** Of the parts of a state. */
  readonly kinds: readonly ArrayKind[];
}

type States = readonly State<WasmArray>[];

/** Whole steps of one solve. */
export function stepKernel(
  solver: Solver,
  models: StepModels,
  { solve, field, kinds }: Scene,
): StepKernel<WasmArray> {
  const { parameters } = field;
  const [ys, values, slopes] = [namesOf('y', kinds), namesOf('f', kinds), namesOf('k', kinds)];
  const [errors, lasts] = [namesOf('e', kinds), namesOf('l', kinds)];
  const [cotangents, gradients] = [namesOf('c', kinds), namesOf('gy', kinds)];
  const parameterGradients = namesOf('gp', parameters);
  const state = (): State<WasmArray> => kinds.map(take);
  const stateBytes = kinds.reduce((sum, { bytes }) => sum + bytes, 0);
  const longest = Math.max(1, Math.min(LONGEST.steps, Math.floor(LONGEST.bytes / Math.max(1, stateBytes))));

  const advance = (span: Span, y: State<WasmArray>): State<WasmArray> => {
    const next = state();
    models.advance().runAt(span, solve, entriesOf(ys, y), entriesOf(values, next));
    return next;
  };

  /** Steps with their activations. */
  const linearize = (spans: readonly Span[], y: State<WasmArray>): Segment<WasmArray> => {
    const model = models.linearization();
    const { names, bytes, stateBytes: ofStages } = models.activations();
    const { pool, type } = kinds[0]!;
    let start = y;
    const steps = spans.map((span) => {
      const held = names.map((name) => take(pool.kind([model.kept(name)], type)));
      const next = state();
      const from = start;
      model.runAt(span, solve, entriesOf(ys, from), {
        ...entriesOf(values, next),
        ...entriesOf(names, held),
      });
      // The pullback reads the state itself too, which its owner may release before.
      from.forEach(hold);
      start = next;
      return { span, from, held, next };
    });
    return {
      states: steps.map(({ next }) => next),
      linearization: releasedOnce({
        bytes: bytes * steps.length,
        stateBytes: ofStages * steps.length,
        pullback: (ends: readonly (State<WasmArray> | undefined)[]) =>
          pulledBack(models.pullback(), ends.length, ends.at(-1)!, (i) => ({
            span: steps[i]!.span,
            given: { ...entriesOf(ys, steps[i]!.from), ...entriesOf(names, steps[i]!.held) },
            end: ends[i - 1],
          })),
        release() {
          for (const { from, held } of steps) {
            held.forEach(release);
            from.forEach(unhold);
          }
        },
      }),
    };
  };

  /** Back through so many steps, the last first, and what they add to ∂ℒ/∂θ. */
  function pulledBack(
    model: StepModel,
    count: number,
    cotangent: State<WasmArray>,
    step: (i: number) => {
      readonly span: Span;
      readonly given: Readonly<Record<string, FloatData>>;
      /** ∂ℒ/∂y at the start of the step, to be added. */
      readonly end?: State<WasmArray> | undefined;
    },
  ): SegmentCotangents<WasmArray> {
    const total = parameters.map(({ kind }) => zeros(kind));
    const own = count > 1 ? parameters.map(({ kind }) => zeros(kind)) : total;
    let from = cotangent;
    for (let i = count - 1; i >= 0; i--) {
      const { span, given, end } = step(i);
      const to = kinds.map(zeros);
      const gp = i === count - 1 ? total : own;
      model.runAt(
        span,
        solve,
        { ...given, ...entriesOf(cotangents, from) },
        { ...entriesOf(gradients, to), ...entriesOf(parameterGradients, gp) },
      );
      if (gp !== total) total.forEach((sum, k) => addInto(sum, own[k]!.data));
      if (end) to.forEach((sum, k) => addInto(sum, end[k]!.data));
      if (from !== cotangent) from.forEach(release);
      from = to;
    }
    if (own !== total) own.forEach(release);
    return { y: from, parameters: total };
  }

  return {
    longest,
    // Asked for by a gradient only: whether it is light, the program of a gradient says.
    get alive() {
      return models.light() ? 'step' : 'stage';
    },
    advance(spans, y, keep) {
      if (keep === 'activations') return linearize(spans, y);
      let start = y;
      return { states: spans.map((span) => (start = advance(span, start))) };
    },
    adjoint(spans, states: States, cotangent) {
      if (!models.light()) return sequentialKernel(field, solver).adjoint(spans, states, cotangent);
      const pulled = pulledBack(models.adjoint(), spans.length, cotangent, (i) => ({
        span: spans[i]!,
        given: entriesOf(ys, states[i]!),
      }));
      return {
        ...pulled,
        evaluations: solver.stages * spans.length,
        bytes: models.activations().bytes,
        stateBytes: spans.length > 1 ? stateBytes : 0,
      };
    },
    ...(solver.tableau?.bError && {
      attempt(span: Span, y: State<WasmArray>, slope: State<WasmArray>): Attempt<WasmArray> {
        const tableau = solver.tableau!;
        const [next, error] = [state(), state()];
        const last = isFirstSameAsLast(tableau) ? state() : undefined;
        models
          .attempt()
          .runAt(
            span,
            solve,
            { ...entriesOf(ys, y), ...entriesOf(slopes, slope) },
            { ...entriesOf(values, next), ...entriesOf(errors, error), ...(last && entriesOf(lasts, last)) },
          );
        return { y: next, error, ...(last && { last }), evaluations: tableau.b.length - 1 };
      },
    }),
  };
}
