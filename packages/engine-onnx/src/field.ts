import {
  EngineError,
  type ButcherTableau,
  type Cotangents,
  type Engine,
  type FusedStep,
  type State,
  type VectorField,
} from '@odegrad/core';

import {
  bytesOfFloat,
  floats,
  hold,
  type OnnxArray,
  release,
  type Runtime,
  unhold,
  wrap,
  zeros,
} from './array.ts';
import { compileProgram, type FeedModel, type Model } from './compile.ts';
import { fusedStep, prepareStep, type StepModels } from './fuse.ts';
import { pulledBack, restrictTo, type Program } from './program.ts';
import { split, type Activations } from './split.ts';
import { operations } from './work.ts';

/** The programs of a vector field, and how they are run. Models are compiled when they are first needed. */
export interface CompiledField {
  readonly shapes: readonly (readonly number[])[];
  readonly parameterShapes: readonly (readonly number[])[];
  readonly runtime: Runtime;
  readonly engine: Engine<OnnxArray>;
  evaluation(): Model;
  /** f without the parts of its value that belong to parts of y that it does not read. */
  readEvaluation(): Model;
  vjp(withTime: boolean): { readonly model: Model; readonly bytes: number };
  linearization(): { readonly model: Model; readonly activations: Activations };
  pullback(withTime: boolean): Model;
  /** Whole steps, where one model for them is faster than one for each stage. */
  step(tableau: ButcherTableau): StepModels | undefined;
}

export interface FieldPrograms {
  /** f alone. */
  readonly forward: () => Program;
  /** f and the pullback of a cotangent. */
  readonly gradient: () => Program;
}

/** Operations of f above which a step's arithmetic around f no longer counts. */
const FUSED = 5e8;
/** … and below which several steps are taken in one call. */
const FUSED_STEPS = 2e5;

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};

const onceFor = <T>(make: (flag: boolean) => T): ((flag: boolean) => T) => {
  const [no, yes] = [once(() => make(false)), once(() => make(true))];
  return (flag) => (flag ? yes() : no());
};

/** Prepares the models of a field. */
export function compileField(
  programs: FieldPrograms,
  about: Pick<CompiledField, 'shapes' | 'parameterShapes' | 'runtime' | 'engine'>,
): CompiledField {
  const { runtime } = about;
  const [forward, gradient] = [once(programs.forward), once(programs.gradient)];
  const floatBytes = bytesOfFloat(runtime.float);
  const halves = once(() => split(gradient(), floatBytes));
  const steps = new Map<ButcherTableau, StepModels>();
  const evaluation = once(() => compileProgram(forward(), runtime));
  const timed =
    (withTime: boolean) =>
    (name: string): boolean =>
      withTime || name !== 'gt';
  return {
    ...about,
    evaluation,
    readEvaluation: once(() => {
      const read = new Set(forward().inputs.map(({ name }) => name));
      const part = restrictTo(forward(), (name) => read.has(name.replace('f', 'y')));
      // ONNX Runtime takes no model without outputs.
      const saves = part.outputs.length > 0 && part.outputs.length < forward().outputs.length;
      return saves ? compileProgram(part, runtime) : evaluation();
    }),
    vjp: onceFor((withTime) => ({
      model: compileProgram(pulledBack(gradient(), withTime), runtime),
      bytes: halves().activations.bytes,
    })),
    linearization: once(() => ({
      model: compileProgram(halves().forward, runtime),
      activations: halves().activations,
    })),
    pullback: onceFor((withTime) => compileProgram(restrictTo(halves().pullback, timed(withTime)), runtime)),
    step(tableau) {
      const work = operations(forward());
      if (work > FUSED) return undefined;
      let models = steps.get(tableau);
      if (!models) {
        models = prepareStep(tableau, {
          forward,
          gradient,
          runtime,
          shapes: about.shapes,
          activationBytes: () => halves().activations.bytes,
          tiny: work <= FUSED_STEPS,
        });
        steps.set(tableau, models);
      }
      return models;
    },
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
  const feederOf = (model: Feedable): Feeder => {
    let feeder = bound.get(model);
    if (!feeder) bound.set(model, (feeder = createFeeder(model, fixed)));
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
  const fused = new Map<ButcherTableau, FusedStep<OnnxArray> | undefined>();

  return {
    engine,
    parameters,
    fuse(tableau) {
      if (!fused.has(tableau)) {
        const models = field.step(tableau);
        fused.set(tableau, models && fusedStep(tableau, models, parameters, shapes.length, feed));
      }
      return fused.get(tableau);
    },
    evaluate: (t, y) => slopes(call(field.evaluation(), t, y)),
    evaluateRead: (t, y) => slopes(call(field.readEvaluation(), t, y)),
    linearize(t, y) {
      const { model, activations } = field.linearization();
      const results = call(model, t, y);
      const held = activations.names.map((name) => results[name]!);
      // The pullback reads the point itself too, which its owner may release before.
      y.forEach(hold);
      let alive = true;
      return {
        value: slopes(results),
        bytes: activations.bytes,
        pullback(cotangent, withTime) {
          if (!alive) throw new EngineError('This linearization was released.');
          const pullback = field.pullback(withTime);
          feederOf(pullback)(activations.names, held);
          return cotangents(call(pullback, t, y, cotangent), withTime);
        },
        release() {
          if (!alive) return;
          alive = false;
          held.forEach(release);
          y.forEach(unhold);
        },
      };
    },
    vjp(t, y, cotangent, withTime) {
      const { model, bytes } = field.vjp(withTime);
      const results = call(model, t, y, cotangent);
      const value = slopeNames.some((name) => results[name]) ? { value: slopes(results) } : {};
      return { ...value, bytes, ...cotangents(results, withTime) };
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
