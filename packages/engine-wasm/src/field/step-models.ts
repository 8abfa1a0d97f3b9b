import { once, type DifferentiableSolver, type Span } from '@odegrad/core';
import {
  restrictTo,
  simplify,
  partition,
  stepAttempt,
  stepForward,
  stepGradient,
  type FloatData,
  type FloatType,
  type Program,
} from '@odegrad/trace';

import { expand } from '../lower/expand.ts';
import { fillScalars, scalarNames, withSpanInputs, type StepProgram } from '../lower/span.ts';
import type { Rows } from '../lower/rows.ts';
import type { Target } from '../runtime/compile.ts';
import { rowsOf } from './rows.ts';
import { createModel, type Arrays, type Model, type Solve } from './model.ts';

/** A model of a step, which runs on a span. */
export interface StepModel extends Model {
  runAt(span: Span, solve: Solve, given: Arrays, results: Readonly<Record<string, FloatData>>): void;
}

/** The models of a solver's step, compiled when they are first needed. */
export interface StepModels {
  /** y₁. */
  advance(): StepModel;
  /** y₁ and the error estimate. */
  attempt(): StepModel;
  /** y₁ and the activations of all stages. */
  linearization(): StepModel;
  pullback(): StepModel;
  /** The stages again, and the pullback through them. */
  adjoint(): StepModel;
  activations(): StepActivations;
  /** Whether `adjoint` is worth its memory: the activations of all stages, of a tile of rows, at once. */
  light(): boolean;
}

/** Bytes of a step's activations that do not count beside what a process takes anyway. */
const LIGHT = 2 ** 22;

/** What is kept of a step, and its bytes: of evaluations of f, and of states of stages besides. */
interface StepActivations {
  readonly names: readonly string[];
  readonly bytes: number;
  readonly stateBytes: number;
}

/** Programs of f as they are compiled, and for what. */
export interface StepSource {
  readonly forward: () => Program;
  readonly gradient: () => Program;
  readonly shapes: readonly (readonly number[])[];
  readonly target: Target;
  /** Bytes of the activations of one evaluation of f. */
  readonly activationBytes: () => number;
}

/** Prepares the models of a solver's step. */
export function prepareStep(
  solver: DifferentiableSolver,
  { forward, gradient, shapes, target, activationBytes }: StepSource,
): StepModels {
  const { float } = target;
  const spanned = (program: Program, precision?: FloatType): StepProgram => {
    const step = withSpanInputs(program, float, precision);
    return { ...step, program: simplify(expand(step.program)) };
  };
  const whole = once(() => spanned(stepGradient(solver, gradient(), shapes)));
  const rows = once(() => rowsOf(whole().program, shapes, float));
  const halves = once(() => partition(whole().program, float === 'float64' ? 8 : 4));
  const model = (step: StepProgram, program: Program, own: Rows | undefined): StepModel => {
    const names = scalarNames(step);
    const inner = createModel(program, target, own, names);
    const scalars = new Float64Array(names.length);
    return {
      ...inner,
      runAt(span, solve, given, filled) {
        fillScalars(step, span, scalars);
        inner.run(solve, given, filled, scalars);
      },
    };
  };
  const apart = (step: StepProgram): StepModel =>
    model(step, step.program, rowsOf(step.program, shapes, float));
  const linearization = once(() => model(whole(), halves().forward, rows()));
  return {
    advance: once(() => apart(spanned(stepForward(solver, forward(), shapes)))),
    // In doubles, as engines form sums that go stage by stage: the estimate is a small difference of slopes, and other roundings
    // would steer the steps elsewhere.
    attempt: once(() => apart(spanned(stepAttempt(solver, forward(), shapes), 'float64'))),
    linearization,
    pullback: once(() => model(whole(), halves().pullback, rows())),
    adjoint: once(() =>
      model(
        whole(),
        restrictTo(whole().program, (name) => name.startsWith('g')),
        rows(),
      ),
    ),
    light: once(() => rows() !== undefined || solver.stages * activationBytes() <= LIGHT),
    activations: once(() => {
      const { names } = halves().activations;
      const entries = names.reduce((sum, name) => sum + linearization().kept(name), 0);
      const total = entries * (float === 'float64' ? 8 : 4);
      const bytes = Math.min(total, solver.stages * activationBytes());
      return { names, bytes, stateBytes: total - bytes };
    }),
  };
}
