import {
  isDifferentiable,
  once,
  type Cotangents,
  type Engine,
  type Solver,
  type State,
  type StepKernel,
  type VectorField,
} from '@odegrad/core';

import { bytesOfFloat, floats } from '@odegrad/trace';
import { hold, release, unhold, wrap, zeros } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from '../runtime/runtime.ts';
import { compileProgram, type FeedModel, type Model } from '../runtime/compile.ts';
import { stepKernel } from '../steps/kernel.ts';
import { prepareStep, type StepModels } from '../steps/step-models.ts';
import { onceFor, releasedOnce } from '@odegrad/trace';
import { createPrologues, type Prologues } from './prologue.ts';
import { pulledBack, type FieldPrograms } from '@odegrad/trace';
import { withoutQuadratures } from '@odegrad/trace';
import { onnxPasses } from '../passes/list.ts';
import { SCAN_WORK, STEP_WORK } from '../tuning.ts';
import { partition, type Activations } from '@odegrad/trace';
import { operations, runPasses } from '@odegrad/trace';

/** Models of f at one point. */
interface PointModels {
  evaluation(): Model;
  linearization(): Model;
  pullback(withTime: boolean): Model;
  vjp(withTime: boolean): Model;
  /** What a pullback needs of the evaluation. */
  activations(): Activations;
}

/** The models of a vector field, and how they are run. They are compiled when they are first needed. */
export interface CompiledField extends PointModels {
  readonly shapes: readonly (readonly number[])[];
  readonly parameterShapes: readonly (readonly number[])[];
  readonly runtime: Runtime;
  readonly engine: Engine<OnnxArray>;
  /** f without the parts of its value that belong to parts of y that it does not read; itself where it reads all. */
  readonly read: PointModels;
  readonly prologues: Prologues;
  /** Whole steps, where one model for them is faster than one for each stage. */
  step(solver: Solver): StepModels | undefined;
}

/** Prepares the models of a field from its programs as they were traced. */
export function compileField(
  traced: FieldPrograms,
  about: Pick<CompiledField, 'shapes' | 'parameterShapes' | 'runtime' | 'engine'>,
): CompiledField {
  const { runtime, shapes } = about;
  const prologues = createPrologues(runtime);
  const rewritten = ({ forward, gradient }: FieldPrograms, name: string): FieldPrograms => ({
    forward: once(() => prologues.without(runPasses(onnxPasses, forward()), `v:${name}f`)),
    gradient: once(() => prologues.without(runPasses(onnxPasses, gradient()), `v:${name}g`)),
  });
  const programs = rewritten(traced, '');
  const { forward, gradient } = programs;
  const whole = pointModels(programs, runtime);
  const read = once(() => {
    const part = withoutQuadratures(traced);
    return part ? pointModels(rewritten(part, 'read:'), runtime) : whole;
  });
  // By the tableau: a solver of it may be another each time.
  const steps = new WeakMap<object, StepModels>();
  return {
    ...about,
    ...whole,
    prologues,
    get read() {
      return read();
    },
    step(solver) {
      const work = operations(forward());
      if (work > STEP_WORK || !solver.traceable || !isDifferentiable(solver)) return undefined;
      const key = solver.tableau ?? solver;
      let models = steps.get(key);
      if (!models) {
        const activationBytes = (): number => whole.activations().bytes;
        const tiny = work <= SCAN_WORK;
        models = prepareStep(solver, { forward, gradient, runtime, shapes, activationBytes, tiny });
        steps.set(key, models);
      }
      return models;
    },
  };
}

function pointModels({ forward, gradient }: FieldPrograms, runtime: Runtime): PointModels {
  const halves = once(() => partition(gradient(), bytesOfFloat(runtime.float)));
  return {
    evaluation: once(() => compileProgram(forward(), runtime)),
    linearization: once(() => compileProgram(halves().forward, runtime)),
    pullback: onceFor((withTime) => compileProgram(pulledBack(halves().pullback, withTime), runtime)),
    vjp: onceFor((withTime) => compileProgram(pulledBack(gradient(), withTime), runtime)),
    activations: () => halves().activations,
  };
}

/** A vector field for one solve: the compiled field with the values that the variables have now. */
export function vectorField(
  field: CompiledField,
  parameters: State<OnnxArray>,
  others: State<OnnxArray>,
): VectorField<OnnxArray> {
  const { engine, runtime, shapes } = field;
  const time = wrap(runtime.pool.kind([], runtime.float), floats(runtime.float, 1));
  const fixed: Readonly<Record<string, OnnxArray>> = {
    t: time,
    ...Object.fromEntries(parameters.map((x, i) => [`p${i}`, x])),
    ...Object.fromEntries(others.map((x, i) => [`v${i}`, x])),
  };
  const yNames = shapes.map((_, i) => `y${i}`);
  const slopeNames = shapes.map((_, i) => `f${i}`);
  const cotangentNames = shapes.map((_, i) => `c${i}`);
  const yGradients = shapes.map((_, i) => `gy${i}`);
  const parameterGradients = parameters.map((_, i) => `gp${i}`);
  const shapeKinds = shapes.map((shape) => runtime.pool.kind(shape, runtime.float));

  // A model is shared by all solves; each sets what it reads, and what does not change only once.
  const bound = new Map<Feedable, Feeder>();
  const prepared = field.prologues.solve(fixed);
  const feederOf = (model: Feedable): Feeder => {
    let feeder = bound.get(model);
    if (!feeder) bound.set(model, (feeder = createFeeder(model, { ...fixed, ...prepared(model.inputs) })));
    return feeder;
  };
  const call = (
    model: Model,
    t: number,
    y: State<OnnxArray>,
    cotangent?: State<OnnxArray>,
  ): Readonly<Record<string, OnnxArray>> => {
    time.data[0] = t;
    const feed = feederOf(model);
    feed(yNames, y);
    if (cotangent) feed(cotangentNames, cotangent);
    return model.run();
  };
  const slopes = (results: Readonly<Record<string, OnnxArray>>): State<OnnxArray> =>
    slopeNames.map((name, i) => results[name] ?? zeros(shapeKinds[i]!));
  const cotangents = (
    results: Readonly<Record<string, OnnxArray>>,
    withTime: boolean,
  ): Cotangents<OnnxArray> => {
    const gt = withTime ? results['gt'] : undefined;
    const t = gt ? Number(gt.data[0]) : 0;
    if (gt) release(gt);
    return {
      t,
      y: yGradients.map((name, i) => results[name] ?? zeros(shapeKinds[i]!)),
      parameters: parameterGradients.map((name, i) => results[name] ?? zeros(parameters[i]!.kind)),
    };
  };

  const feed: FeedModel = (model, inputs) => {
    const feeder = feederOf(model);
    for (const [names, arrays] of inputs) feeder(names, arrays);
  };
  const kernels = new Map<object, StepKernel<OnnxArray> | undefined>();

  const atPoints = (
    models: () => PointModels,
  ): Pick<VectorField<OnnxArray>, 'evaluate' | 'linearize'> &
    Required<Pick<VectorField<OnnxArray>, 'vjp'>> => ({
    evaluate: (t, y) => slopes(call(models().evaluation(), t, y)),
    linearize(t, y) {
      const { names, bytes } = models().activations();
      const results = call(models().linearization(), t, y);
      const held = names.map((name) => results[name]!);
      // The pullback reads the point itself too, which its owner may release before.
      y.forEach(hold);
      return releasedOnce({
        value: slopes(results),
        bytes,
        pullback(cotangent, withTime) {
          const pullback = models().pullback(withTime);
          feederOf(pullback)(names, held);
          return cotangents(call(pullback, t, y, cotangent), withTime);
        },
        release() {
          held.forEach(release);
          y.forEach(unhold);
        },
      });
    },
    vjp(t, y, cotangent, withTime) {
      const results = call(models().vjp(withTime), t, y, cotangent);
      const value = withTime ? { value: slopes(results) } : {};
      return { ...value, bytes: models().activations().bytes, ...cotangents(results, withTime) };
    },
  });

  const points = { engine, parameters, ...atPoints(() => field), read: atPoints(() => field.read) };
  return {
    ...points,
    compile(solver) {
      const key = solver.tableau ?? solver;
      if (!kernels.has(key)) {
        const models = field.step(solver);
        kernels.set(key, models && stepKernel(solver, models, points, shapes.length, feed));
      }
      return kernels.get(key);
    },
  };
}

type Feedable = Pick<Model, 'feeds' | 'inputs'>;
type Feeder = (names: readonly string[], arrays: readonly OnnxArray[]) => void;

/** Sets a model's inputs by name. Names that the model does not read are left out. */
function createFeeder({ feeds, inputs }: Feedable, fixed: Readonly<Record<string, OnnxArray>>): Feeder {
  const own = Object.entries(fixed).filter(([name]) => inputs.has(name));
  return (names, arrays) => {
    for (const [name, array] of own) feeds[name] = array;
    for (let i = 0; i < names.length; i++) if (inputs.has(names[i]!)) feeds[names[i]!] = arrays[i]!;
  };
}
