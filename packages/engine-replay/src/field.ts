import { EngineError, type Cotangents, type VectorField } from '@odegrad/core';
import { checkAlive, type FieldRequest } from '@odegrad/engine-tfjs';
import {
  partition,
  pulledBack,
  releasedOnce,
  runPasses,
  type Activations,
  type FieldPrograms,
  type Program,
  type Partition,
} from '@odegrad/trace';
import { engine, keep, scalar, zeros, Tensor, type TensorInfo } from '@tensorflow/tfjs-core';

import { free, prepareReplay, type Replay } from './replay.ts';
import { wasmPasses } from './passes.ts';

/** The replays of a vector field on one backend, made when they are first needed. */
export interface ReplayField {
  readonly backendName: string;
  evaluation(): Replay;
  vjp(withTime: boolean): Replay;
  linearization(): Replay;
  pullback(withTime: boolean): Replay;
  activations(): Activations;
}

/** Prepares the replays of a field for the backend that TensorFlow.js is on. */
export function prepareReplays({ forward, gradient }: FieldPrograms): ReplayField {
  const backendName = engine().backendName;
  const made = new Map<string, Replay>();
  const passes = backendName === 'wasm' ? wasmPasses : [];
  const fast = (program: Program): Program => runPasses(passes, program);
  const once = (key: string, make: () => Program): Replay => {
    let replay = made.get(key);
    if (!replay) made.set(key, (replay = prepareReplay(fast(make()))));
    return replay;
  };
  let halves: Partition | undefined;
  const half = (): Partition => (halves ??= partition(gradient(), 4));
  return {
    backendName,
    evaluation: () => once('f', forward),
    vjp: (withTime) => once(`vjp ${withTime}`, () => pulledBack(gradient(), withTime)),
    linearization: () => once('linearize', () => half().forward),
    pullback: (withTime) => once(`pullback ${withTime}`, () => pulledBack(half().pullback, withTime)),
    activations: () => half().activations,
  };
}

type Infos = Record<string, TensorInfo>;

/** Runs a replay at a time with the given inputs besides. */
type Call = (replay: Replay, t: number, inputs: Infos) => Infos;

/** A vector field that replays recorded kernels on tensors. */
export function replayedField(
  replays: ReplayField,
  eager: VectorField<Tensor>,
  others: readonly Tensor[],
  shapes: readonly (readonly number[])[],
  within: FieldRequest['within'],
): VectorField<Tensor> {
  const { parameters } = eager;
  const call = callWith(replays, parameters, others, within);
  const tensors = (results: Infos, prefix: string): Tensor[] =>
    shapes.map((shape, i) => tensorOf(results[`${prefix}${i}`], shape));
  const cotangents = (results: Infos): Cotangents<Tensor> => {
    const time = results['gt'] && tensorOf(results['gt'], []);
    const t = time ? time.dataSync()[0]! : 0;
    time?.dispose();
    return {
      t,
      y: tensors(results, 'gy'),
      parameters: parameters.map(({ shape }, i) => tensorOf(results[`gp${i}`], shape)),
    };
  };
  return {
    engine: eager.engine,
    parameters,
    evaluate: (t, y) => tensors(call(replays.evaluation(), t, named('y', y)), 'f'),
    linearize(t, y) {
      const { names: kept, bytes } = replays.activations();
      const results = call(replays.linearization(), t, named('y', y));
      const { backend } = engine();
      // The pullback reads the point itself too, which its owner may dispose of before.
      const handles = y.map(secondHandle);
      const activations = Object.fromEntries(kept.map((name) => [name, results[name]!]));
      const point = { ...named('y', handles), ...activations };
      return releasedOnce({
        value: tensors(results, 'f'),
        bytes,
        pullback: (cotangent, withTime) =>
          cotangents(call(replays.pullback(withTime), t, { ...point, ...named('c', cotangent) })),
        release() {
          for (const info of Object.values(activations)) free(info, backend);
          for (const handle of handles) handle.dispose();
        },
      });
    },
    vjp(t, y, cotangent, withTime) {
      const results = call(replays.vjp(withTime), t, { ...named('y', y), ...named('c', cotangent) });
      const value = withTime ? { value: tensors(results, 'f') } : {};
      return { ...value, bytes: replays.activations().bytes, ...cotangents(results) };
    },
  };
}

const named = (prefix: string, xs: readonly Tensor[]): Infos =>
  Object.fromEntries(xs.map((x, i) => [`${prefix}${i}`, x]));

/** What is absent is zero. */
function tensorOf(info: TensorInfo | undefined, shape: readonly number[]): Tensor {
  if (info instanceof Tensor) return keep(info as Tensor);
  return keep(info ? engine().makeTensorFromTensorInfo(info) : zeros([...shape]));
}

/** Another tensor with the same data, which lives until both are disposed of. */
function secondHandle({ dataId, shape, dtype }: Tensor): Tensor {
  engine().backend.incRef(dataId);
  return keep(engine().makeTensorFromTensorInfo({ dataId, shape, dtype }));
}

/** Calls with the variables of one solve. */
function callWith(
  { backendName }: ReplayField,
  parameters: readonly Tensor[],
  others: readonly Tensor[],
  within: NonNullable<FieldRequest['within']> = (body) => body(),
): Call {
  const variables = { ...named('p', parameters), ...named('v', others) };
  return (replay, t, inputs) => {
    if (engine().backendName !== backendName) {
      throw new EngineError(
        `The backend of TensorFlow.js changed from ${backendName} to ${engine().backendName} during a solve.`,
      );
    }
    const run = (more?: Infos): Infos =>
      within(() => {
        checkAlive(parameters);
        checkAlive(others);
        return replay.run({ ...variables, ...inputs, ...more });
      });
    if (!replay.inputs.has('t')) return run();
    const time = scalar(t);
    try {
      return run({ t: time });
    } finally {
      time.dispose();
    }
  };
}
