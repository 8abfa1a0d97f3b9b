import {
  isFirstSameAsLast,
  rungeKutta,
  sequentialKernel,
  type Attempt,
  type ButcherTableau,
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

import { bytesOfFloat, type FloatData, floats } from '@odegrad/trace';
import { hold, type OnnxArray, release, type Runtime, unhold, wrap, zeros } from '../runtime/array.ts';
import { compileProgram, type FeedModel, type Model } from '../runtime/compile.ts';
import { LIGHT_BYTES } from '../tuning.ts';
import { releasedOnce } from '@odegrad/trace';
import { restrictTo, type Program } from '@odegrad/trace';
import { partition, type Activations, type Partition } from '@odegrad/trace';
import { severalSteps, type SeveralSteps } from './several-steps.ts';
import { stepAttempt, stepForward, stepGradient } from '@odegrad/trace';
import { fillSpan, withSpanInputs, type StepProgram } from './span-inputs.ts';

/** The models of a tableau's step, compiled when they are first needed. */
export interface StepModels {
  /** y₁. */
  advance(): StepModel;
  /** y₁ and the error estimate, of a tableau that has one. */
  readonly attempt: (() => StepModel) | undefined;
  /** y₁ and the activations of all stages. */
  linearization(): StepModel;
  pullback(): StepModel;
  /** The stages again, and the pullback through them. */
  adjoint(): StepModel;
  activations(): StepActivations;
  /** Several steps in one call, where that pays. */
  readonly several: SeveralSteps | undefined;
  /** Whether `adjoint` is worth its memory: the activations of all stages at once. */
  light(): boolean;
}

/** `bytes` are those of the activations of the evaluations of f. */
interface StepActivations extends Activations {
  /** Bytes of the stage states, or of the slopes that they are made of. */
  readonly stateBytes: number;
}

/** A model of a step with its own inputs filled from the span. */
interface StepModel {
  readonly model: Model;
  at(span: Span): void;
}

export interface StepSource {
  readonly forward: () => Program;
  readonly gradient: () => Program;
  readonly shapes: readonly (readonly number[])[];
  readonly runtime: Runtime;
  /** Bytes of the activations of one evaluation of f. */
  readonly activationBytes: () => number;
  /** Whether several steps are worth a model of their own. */
  readonly tiny: boolean;
}

/** Prepares the models of a tableau's step. */
export function prepareStep(
  tableau: ButcherTableau,
  { forward, gradient, shapes, runtime, activationBytes, tiny }: StepSource,
): StepModels {
  const solver = rungeKutta(tableau);
  const made = new Map<string, StepModel>();
  const once = (key: string, make: () => StepProgram): StepModel => {
    let model = made.get(key);
    if (!model) made.set(key, (model = compileStep(make(), runtime)));
    return model;
  };
  let whole: StepProgram | undefined;
  const gradientStep = (): StepProgram =>
    (whole ??= withSpanInputs(stepGradient(solver, gradient(), shapes)));
  const forwardStep = (): StepProgram => withSpanInputs(stepForward(solver, forward(), shapes));
  const adjointStep = (): StepProgram => ({
    ...gradientStep(),
    program: restrictTo(gradientStep().program, (name) => name.startsWith('g')),
  });
  // In doubles, as engines form sums that go stage by stage: the estimate is a small difference of slopes, and other roundings
  // would steer the steps elsewhere.
  const attempted = (): StepProgram => withSpanInputs(stepAttempt(solver, forward(), shapes), 'float64');
  const { stages } = solver;
  const floatBytes = bytesOfFloat(runtime.float);
  let halves: Partition | undefined;
  const half = (): Partition => (halves ??= partition(gradientStep().program, floatBytes));
  return {
    advance: () => once('advance', forwardStep),
    attempt: tableau.bError && (() => once('attempt', attempted)),
    linearization: () => once('linearization', () => ({ ...gradientStep(), program: half().forward })),
    pullback: () => once('pullback', () => ({ ...gradientStep(), program: half().pullback })),
    adjoint: () => once('adjoint', adjointStep),
    several:
      tiny && !shapes.some((shape) => shape.includes(0))
        ? severalSteps({ forward: forwardStep, adjoint: adjointStep }, shapes, runtime)
        : undefined,
    activations() {
      const { names, bytes: total } = half().activations;
      const bytes = Math.min(total, stages * activationBytes());
      return { names, bytes, stateBytes: total - bytes };
    },
    light: () => stages * activationBytes() <= LIGHT_BYTES,
  };
}

function compileStep(step: StepProgram, runtime: Runtime): StepModel {
  const { program, weights, nodes } = step;
  const model = compileProgram(program, runtime);
  const input = (name: string, shape: readonly number[]): FloatData => {
    const port = program.inputs.find((other) => other.name === name);
    const type = port && program.values[port.value]!.dtype === 'float64' ? 'float64' : runtime.float;
    const values = floats(type, Math.max(...shape));
    if (port) model.feeds[name] = wrap(runtime.pool.kind(shape, type), values);
    return values;
  };
  const coefficients = input('h', [1, weights.length]);
  const stageTimes = input('s', [nodes.length]);
  return {
    model,
    at(span) {
      fillSpan(step, span, coefficients, stageTimes);
    },
  };
}

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
