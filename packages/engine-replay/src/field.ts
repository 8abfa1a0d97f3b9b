import { EngineError, type Cotangents, type State, type VectorField } from '@odegrad/core';
import { checkAlive, type FieldRequest } from '@odegrad/engine-tfjs';
import {
  pulledBack,
  releasedOnce,
  runPasses,
  split,
  type Activations,
  type FieldPrograms,
  type Program,
  type Split,
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
  let halves: Split | undefined;
  const half = (): Split => (halves ??= split(gradient(), 4));
  return {
    backendName,
    evaluation: () => once('f', forward),
    vjp: (withTime) => once(`vjp ${withTime}`, () => pulledBack(gradient(), withTime)),
    linearization: () => once('linearize', () => half().forward),
    pullback: (withTime) => once(`pullback ${withTime}`, () => pulledBack(half().pullback, withTime)),
    activations: () => half().activations,
  };
}

/** A vector field that replays recorded kernels on tensors. */
export function replayedField(
  replays: ReplayField,
  eager: VectorField<Tensor>,
  others: readonly Tensor[],
  shapes: readonly (readonly number[])[],
  within: NonNullable<FieldRequest['within']> = (body) => body(),
): VectorField<Tensor> {
  const { parameters } = eager;
  const names = (prefix: string): string[] => shapes.map((_, i) => `${prefix}${i}`);
  const [slopes, gradients] = [names('f'), names('gy')];

  const call = (
    replay: Replay,
    t: number,
    inputs: Record<string, TensorInfo>,
  ): Record<string, TensorInfo> => {
    if (engine().backendName !== replays.backendName) {
      throw new EngineError(
        `The backend of TensorFlow.js changed from ${replays.backendName} to ${engine().backendName} during a solve.`,
      );
    }
    parameters.forEach((x, i) => {
      inputs[`p${i}`] = x;
    });
    others.forEach((x, i) => {
      inputs[`v${i}`] = x;
    });
    const run = (more?: Record<string, TensorInfo>): Record<string, TensorInfo> =>
      within(() => {
        checkAlive(parameters);
        checkAlive(others);
        return replay.run({ ...inputs, ...more });
      });
    if (!replay.inputs.has('t')) return run();
    const time = scalar(t);
    try {
      return run({ t: time });
    } finally {
      time.dispose();
    }
  };
  const point = (y: State<Tensor>, prefix = 'y'): Record<string, TensorInfo> =>
    Object.fromEntries(y.map((x, i) => [`${prefix}${i}`, x]));
  const tensor = (info: TensorInfo | undefined, shape: readonly number[]): Tensor => {
    if (info instanceof Tensor) return keep(info as Tensor);
    return keep(info ? engine().makeTensorFromTensorInfo(info) : zeros([...shape]));
  };
  const values = (results: Record<string, TensorInfo>): State<Tensor> =>
    slopes.map((name, i) => tensor(results[name], shapes[i]!));
  const cotangents = (results: Record<string, TensorInfo>): Cotangents<Tensor> => {
    const time = results['gt'] && tensor(results['gt'], []);
    const t = time ? time.dataSync()[0]! : 0;
    time?.dispose();
    return {
      t,
      y: gradients.map((name, i) => tensor(results[name], shapes[i]!)),
      parameters: parameters.map(({ shape }, i) => tensor(results[`gp${i}`], shape)),
    };
  };

  return {
    engine: eager.engine,
    parameters: eager.parameters,
    evaluate: (t, y) => values(call(replays.evaluation(), t, point(y))),
    linearize(t, y) {
      const { names: kept, bytes } = replays.activations();
      const results = call(replays.linearization(), t, point(y));
      const { backend } = engine();
      // The pullback reads the point itself too, which its owner may dispose of before.
      const handles = y.map((x) => {
        backend.incRef(x.dataId);
        return keep(engine().makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype }));
      });
      const here = point(handles);
      const activations = Object.fromEntries(kept.map((name) => [name, results[name]!]));
      return releasedOnce({
        value: values(results),
        bytes,
        pullback(cotangent, withTime) {
          return cotangents(
            call(replays.pullback(withTime), t, { ...here, ...activations, ...point(cotangent, 'c') }),
          );
        },
        release() {
          for (const info of Object.values(activations)) free(info, backend);
          for (const handle of handles) handle.dispose();
        },
      });
    },
    vjp(t, y, cotangent, withTime) {
      const results = call(replays.vjp(withTime), t, { ...point(y), ...point(cotangent, 'c') });
      const value = withTime ? { value: values(results) } : {};
      return { ...value, bytes: replays.activations().bytes, ...cotangents(results) };
    },
  };
}
