import {
  isDifferentiable,
  once,
  type Cotangents,
  type DifferentiableSolver,
  type Engine,
  type State,
  type StepKernel,
  type VectorField,
} from '@odegrad/core';
import {
  hold,
  onceFor,
  pulledBack,
  withoutQuadratures,
  release,
  releasedOnce,
  partition,
  take,
  unhold,
  zeros,
  type ArrayPool,
  type Activations,
  type FieldPrograms,
  type FloatData,
  type Program,
} from '@odegrad/trace';

import type { WasmArray } from '../runtime/array.ts';
import type { Target } from '../runtime/compile.ts';
import { rowsOf } from './rows.ts';
import { createModel, type Arrays, type Model, type Solve } from './model.ts';
import { entriesOf, namesOf } from './names.ts';
import { rewriteForWasm } from './rewrite.ts';
import { prepareStep, type StepModels } from './step-models.ts';
import { stepKernel } from './kernel.ts';

/** Models of f at one point. */
interface PointModels {
  evaluation(): Model;
  linearization(): Model;
  pullback(withTime: boolean): Model;
  vjp(withTime: boolean): Model;
  activations(): Activations;
}

/** The models of a vector field. They are compiled when they are first needed. */
export interface CompiledField extends PointModels {
  readonly about: FieldAbout;
  /** f without the parts of its value that belong to parts of y that it does not read; itself where it reads all. */
  readonly read: PointModels;
  /** Whole steps. */
  step(solver: DifferentiableSolver): StepModels;
}

export interface FieldAbout {
  readonly shapes: readonly (readonly number[])[];
  readonly parameterShapes: readonly (readonly number[])[];
  readonly target: Target;
  readonly pool: ArrayPool;
  readonly engine: Engine<WasmArray>;
}

/** Prepares the models of a field from its programs as they were traced, and as they are rewritten for this engine. */
export function compileField(
  traced: FieldPrograms,
  { forward, gradient }: FieldPrograms,
  about: FieldAbout,
): CompiledField {
  const whole = pointModels({ forward, gradient }, about);
  const read = once(() => {
    const part = withoutQuadratures(traced);
    if (!part) return whole;
    return pointModels(
      {
        forward: once(() => rewriteForWasm(part.forward())),
        gradient: once(() => rewriteForWasm(part.gradient())),
      },
      about,
    );
  });
  const { target, shapes } = about;
  const activationBytes = (): number => whole.activations().bytes;
  // By the tableau: a solver of it may be another each time.
  const steps = new WeakMap<object, StepModels>();
  return {
    about,
    ...whole,
    get read() {
      return read();
    },
    step(solver) {
      const key = solver.tableau ?? solver;
      let models = steps.get(key);
      if (!models) {
        models = prepareStep(solver, { forward, gradient, shapes, target, activationBytes });
        steps.set(key, models);
      }
      return models;
    },
  };
}

function pointModels({ forward, gradient }: FieldPrograms, { target, shapes }: FieldAbout): PointModels {
  const { float } = target;
  const rows = once(() => rowsOf(gradient(), shapes, float));
  const halves = once(() => partition(gradient(), float === 'float64' ? 8 : 4));
  const model = (program: Program): Model => createModel(program, target, rows());
  const linearization = once(() => model(halves().forward));
  return {
    evaluation: once(() => createModel(forward(), target, rowsOf(forward(), shapes, float))),
    linearization,
    pullback: onceFor((withTime) => model(pulledBack(halves().pullback, withTime))),
    vjp: onceFor((withTime) => model(pulledBack(gradient(), withTime))),
    activations: once(() => {
      const { names } = halves().activations;
      const entries = names.reduce((sum, name) => sum + linearization().kept(name), 0);
      return { names, bytes: entries * (float === 'float64' ? 8 : 4) };
    }),
  };
}

/** A vector field for one solve: the compiled field with the values that the variables have now. */
export function vectorField(
  field: CompiledField,
  solve: Solve,
  parameters: State<WasmArray>,
): VectorField<WasmArray> {
  const { shapes, engine, pool, target } = field.about;
  const { float } = target;
  const kinds = shapes.map((shape) => pool.kind(shape, float));
  const [yNames, cNames] = [namesOf('y', shapes), namesOf('c', shapes)];
  const [slopeNames, gradientNames] = [namesOf('f', shapes), namesOf('gy', shapes)];
  const parameterNames = namesOf('gp', parameters);

  const point = (t: number, y: State<WasmArray>): Arrays => ({ t, ...entriesOf(yNames, y) });
  // What a model does not give is zero.
  const slopes = (): State<WasmArray> => kinds.map(zeros);
  const pulled = (
    model: Model,
    given: Arrays,
    withTime: boolean,
    more: Readonly<Record<string, FloatData>> = {},
  ): Cotangents<WasmArray> => {
    const y = kinds.map(zeros);
    const gradients = parameters.map(({ kind }) => zeros(kind));
    const time = new Float64Array(1);
    model.run(solve, given, {
      ...entriesOf(gradientNames, y),
      ...entriesOf(parameterNames, gradients),
      ...more,
      ...(withTime ? { gt: time } : {}),
    });
    return { t: time[0]!, y, parameters: gradients };
  };
  const atPoints = (
    models: () => PointModels,
  ): Pick<VectorField<WasmArray>, 'evaluate' | 'linearize'> &
    Required<Pick<VectorField<WasmArray>, 'vjp'>> => ({
    evaluate(t, y) {
      const value = slopes();
      models().evaluation().run(solve, point(t, y), entriesOf(slopeNames, value));
      return value;
    },
    linearize(t, y) {
      const model = models().linearization();
      const { names, bytes } = models().activations();
      const value = slopes();
      const held = names.map((name) => take(pool.kind([model.kept(name)], float)));
      model.run(solve, point(t, y), entriesOf([...slopeNames, ...names], [...value, ...held]));
      // The pullback reads the point itself too, which its owner may release before.
      y.forEach(hold);
      return releasedOnce({
        value,
        bytes,
        pullback: (cotangent, withTime) =>
          pulled(
            models().pullback(withTime),
            { ...point(t, y), ...entriesOf(cNames, cotangent), ...entriesOf(names, held) },
            withTime,
          ),
        release() {
          held.forEach(release);
          y.forEach(unhold);
        },
      });
    },
    vjp(t, y, cotangent, withTime) {
      const value = withTime ? slopes() : undefined;
      const more = value ? entriesOf(slopeNames, value) : {};
      const given = { ...point(t, y), ...entriesOf(cNames, cotangent) };
      const results = pulled(models().vjp(withTime), given, withTime, more);
      return { ...(value ? { value } : {}), bytes: models().activations().bytes, ...results };
    },
  });
  const kernels = new Map<object, StepKernel<WasmArray>>();
  const points = { engine, parameters, ...atPoints(() => field), read: atPoints(() => field.read) };
  return {
    ...points,
    compile(solver) {
      if (!solver.traceable || !isDifferentiable(solver) || shapes.some((shape) => shape.includes(0)))
        return undefined;
      const key = solver.tableau ?? solver;
      let kernel = kernels.get(key);
      if (!kernel) {
        kernel = stepKernel(solver, field.step(solver), { solve, field: points, kinds });
        kernels.set(key, kernel);
      }
      return kernel;
    },
  };
}
