import type { DifferentiableSolver, Span } from '@odegrad/core';
import {
  bytesOfFloat,
  floats,
  partition,
  restrictTo,
  stepAttempt,
  stepForward,
  stepGradient,
  type Activations,
  type FloatData,
  type Partition,
  type Program,
} from '@odegrad/trace';

import { wrap } from '@odegrad/trace';
import { type Runtime } from '../runtime/runtime.ts';
import { compileProgram, type Model } from '../runtime/compile.ts';
import { LIGHT_BYTES } from '../tuning.ts';
import { severalSteps, type SeveralSteps } from './several-steps.ts';
import { fillSpan, withSpanInputs, type StepProgram } from './span-inputs.ts';

/** The models of a solver's step, compiled when they are first needed. */
export interface StepModels {
  /** y₁. */
  advance(): StepModel;
  /** y₁ and the error estimate, of a solver with a tableau that has one. */
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

/** Prepares the models of a solver's step. */
export function prepareStep(
  solver: DifferentiableSolver,
  { forward, gradient, shapes, runtime, activationBytes, tiny }: StepSource,
): StepModels {
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
    attempt: solver.tableau?.bError && (() => once('attempt', attempted)),
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
