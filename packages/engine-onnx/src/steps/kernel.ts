import {
  isFirstSameAsLast,
  sequentialKernel,
  type Attempt,
  type Segment,
  type SegmentAdjoint,
  type SegmentCotangents,
  type SegmentLinearization,
  type Solver,
  type Span,
  type State,
  type StepKernel,
  type VectorField,
} from '@odegrad/core';
import { releasedOnce } from '@odegrad/trace';

import { hold, release, unhold, zeros } from '@odegrad/trace';
import { type OnnxArray } from '../runtime/runtime.ts';
import type { FeedModel, Model } from '../runtime/compile.ts';
import type { StepModels } from './step-models.ts';

/** Steps of one solve. */
export function stepKernel(
  solver: Solver,
  models: StepModels,
  field: VectorField<OnnxArray>,
  parts: number,
  feed: FeedModel,
): StepKernel<OnnxArray> {
  const { parameters } = field;
  const run = (
    model: Model,
    inputs: readonly (readonly [readonly string[], State<OnnxArray>])[],
  ): Readonly<Record<string, OnnxArray>> => {
    feed(model, inputs);
    return model.run();
  };
  const names = (prefix: string): string[] => Array.from({ length: parts }, (_, k) => `${prefix}${k}`);
  const [ys, values, cotangents, gradients] = [names('y'), names('f'), names('c'), names('gy')];
  const parameterGradients = parameters.map((_, i) => `gp${i}`);
  const pick = (results: Readonly<Record<string, OnnxArray>>, wanted: readonly string[]): State<OnnxArray> =>
    wanted.map((name) => results[name]!);
  const pulled = (results: Readonly<Record<string, OnnxArray>>): SegmentCotangents<OnnxArray> => ({
    y: pick(results, gradients),
    parameters: parameterGradients.map((name, i) => results[name] ?? zeros(parameters[i]!.kind)),
  });
  const { several, attempt } = models;
  const took = (steps: number): Pick<SegmentAdjoint<OnnxArray>, 'evaluations' | 'bytes'> => ({
    evaluations: solver.stages * steps,
    bytes: models.activations().bytes,
  });
  const advance = (span: Span, y: State<OnnxArray>): State<OnnxArray> => {
    const { model, at } = models.advance();
    at(span);
    return pick(run(model, [[ys, y]]), values);
  };
  const linearize = (span: Span, y: State<OnnxArray>): Segment<OnnxArray> => {
    const { model, at } = models.linearization();
    const { names: kept, bytes, stateBytes } = models.activations();
    at(span);
    const results = run(model, [[ys, y]]);
    const held = pick(results, kept);
    // The pullback reads the state itself too, which its owner may release before.
    y.forEach(hold);
    const linearization: SegmentLinearization<OnnxArray> = releasedOnce({
      bytes,
      stateBytes,
      pullback([end]: readonly (State<OnnxArray> | undefined)[]) {
        const back = models.pullback();
        back.at(span);
        return pulled(
          run(back.model, [
            [ys, y],
            [kept, held],
            [cotangents, end!],
          ]),
        );
      },
      release() {
        held.forEach(release);
        y.forEach(unhold);
      },
    });
    return { states: [pick(results, values)], linearization };
  };
  const single: StepKernel<OnnxArray> = {
    longest: 1,
    // Asked for by a gradient only: whether it is light, the program of a gradient says.
    get alive() {
      return models.light() ? 'step' : 'stage';
    },
    advance: ([span], y, keep) => (keep === 'states' ? { states: [advance(span!, y)] } : linearize(span!, y)),
    adjoint(spans, states, cotangent) {
      if (!models.light()) return sequentialKernel(field, solver).adjoint(spans, states, cotangent);
      const { model, at } = models.adjoint();
      at(spans[0]!);
      const results = run(model, [
        [ys, states[0]!],
        [cotangents, cotangent],
      ]);
      return { ...pulled(results), ...took(1), stateBytes: 0 };
    },
    ...(attempt && {
      attempt(span: Span, y: State<OnnxArray>, slope: State<OnnxArray>): Attempt<OnnxArray> {
        const { model, at } = attempt();
        at(span);
        const results = run(model, [
          [ys, y],
          [names('k'), slope],
        ]);
        const { tableau } = solver;
        return {
          y: pick(results, values),
          error: pick(results, names('e')),
          ...(isFirstSameAsLast(tableau!) ? { last: pick(results, names('l')) } : {}),
          evaluations: tableau!.b.length - 1,
        };
      },
    }),
  };
  if (!several) return single;
  const { longest } = several;
  const inTurn = sequentialKernel({ ...field, compile: () => single }, solver, longest);
  return {
    ...(single.attempt && { attempt: single.attempt }),
    longest,
    get alive() {
      return single.alive;
    },
    advance(spans, y, keep) {
      if (spans.length === 1) return single.advance(spans, y, keep);
      return keep === 'states' ? { states: several.advance(spans, y, feed) } : inTurn.advance(spans, y, keep);
    },
    adjoint(spans, states, cotangent) {
      if (spans.length === 1) return single.adjoint(spans, states, cotangent);
      if (!models.light()) return inTurn.adjoint(spans, states, cotangent);
      const { results, stateBytes } = several.adjoint(spans, states, cotangent, feed);
      return { ...pulled(results), ...took(spans.length), stateBytes };
    },
  };
}
