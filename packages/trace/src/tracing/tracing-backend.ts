import { missingKernel } from '@odegrad/engine-tfjs';
import {
  engine,
  getKernelsForBackend,
  registerKernel,
  util,
  type DataId,
  type DataType,
  type KernelBackend,
  type Tensor,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

import { noteWritten } from './numbers.ts';

/** What happens to the kernel calls and reads of a function that runs on the tracing backend. */
export interface KernelListener {
  call(
    kernel: string,
    inputs: KernelInputs,
    attrs: Record<string, unknown>,
  ): Tensor | TensorInfo | (Tensor | TensorInfo)[];
  /** Gives values that are read and are not there, or throws. */
  read(dataId: DataId): Values;
  /** … or will be read once they are there, which they never are. */
  readLater(): void;
}

export type KernelInputs = Readonly<Record<string, TensorInfo | TensorInfo[] | null | undefined>>;

/** Values as a backend is given them. */
type Values = Parameters<KernelBackend['write']>[0];

interface Stored {
  readonly values: Values | null;
  readonly size: number;
  references: number;
}

interface EngineInternals {
  backendName: string;
  backendInstance: KernelBackend;
  /** Times kernels and reads their results, while debugging (tf.enableDebugMode) and in tf.profile. */
  profiler: unknown;
  readonly state: { profiling: boolean };
}

/** What is recorded takes no time and has no results to look at for NaN. */
const idleProfiler = {
  profileKernel: (kernelName: string, inputs: unknown, run: () => unknown) => ({
    kernelName,
    inputs,
    outputs: run(),
  }),
  logKernelProfile: () => undefined,
};

/** What a function's kernels run on where a trace needs numbers. */
export interface RealBackend {
  readonly name: string;
  readonly backend: KernelBackend;
}

const name = 'odegrad-trace';
const missing = new RegExp(`Kernel '(\\w+)' not registered for backend '${name}'`);
const store = new WeakMap<DataId, Stored>();
let count = 0;
// The backend outlives a trace, since a traced function may have kept tensors; who listens changes.
let listener: KernelListener | undefined;
let readable = false;

const internals = (): EngineInternals => engine() as unknown as EngineInternals;

function put(dataId: DataId, values: Values | null, size: number, references: number): DataId {
  store.set(dataId, { values, size, references });
  count += 1;
  return dataId;
}

function read(dataId: DataId): Values {
  const stored = store.get(dataId)!;
  if (stored.values !== null) return stored.values;
  if (listener && !readable) return listener.read(dataId);
  return new Float32Array(stored.size);
}

// KernelBackend is a class with a method for each thing that a backend may do; the engine asks these of ours.
const backend: KernelBackend = {
  write(values: Values | null, shape: number[]) {
    const size = shape.reduce((n, extent) => n * extent, 1);
    const dataId = put({}, values, size, 1);
    noteWritten(dataId, values);
    return dataId;
  },
  move: (dataId: DataId, values: Values, _shape: number[], _dtype: DataType, references: number) => {
    put(dataId, values, values.length, references);
  },
  readSync: read,
  read: (dataId: DataId) =>
    new Promise<Values>((resolve) => {
      // Nobody may be listening for an error: the recording throws it when f has returned.
      if (isPlaceholder(dataId) && listener && !readable) listener.readLater();
      else resolve(read(dataId));
    }),
  incRef: (dataId: DataId) => {
    // Constants were computed by another backend; whatever shares one's data, as a new variable does, finds it here.
    if (!store.has(dataId)) engine().moveData(backend, dataId);
    store.get(dataId)!.references += 1;
  },
  refCount: (dataId: DataId) => store.get(dataId)?.references ?? 0,
  disposeData(dataId: DataId, force = false): boolean {
    const stored = store.get(dataId);
    if (!stored) return true;
    stored.references -= 1;
    if (!force && stored.references > 0) return false;
    store.delete(dataId);
    count -= 1;
    return true;
  },
  numDataIds: () => count,
  memory: () => ({ unreliable: false }),
  floatPrecision: () => 32 as const,
  epsilon: () => 1e-7,
  timerAvailable: () => false,
  time: (f: () => void) => Promise.resolve((f(), { kernelMs: 0 })),
  dispose: () => undefined,
} as unknown as KernelBackend;

const mirrored = new Set<string>();
const mirroredBackends = new Set<string>();

/** Every kernel of a real backend gets a namesake that reports to the listener. */
function mirrorKernels(backendName: string): void {
  mirroredBackends.add(backendName);
  for (const { kernelName } of getKernelsForBackend(backendName)) {
    if (mirrored.has(kernelName)) continue;
    mirrored.add(kernelName);
    registerKernel({
      kernelName,
      backendName: name,
      kernelFunc: ({ inputs, attrs }) => listener!.call(kernelName, inputs, attrs ?? {}),
    });
  }
}

/** A tensor description without values behind it; where it has no entries, all of it is known. */
export function placeholder(shape: readonly number[], dtype: DataType): TensorInfo {
  const values = shape.includes(0) ? util.getTypedArrayFromDType(dtype as 'float32', 0) : null;
  const dataId = backend.write(values as never, [...shape], dtype);
  return { dataId, shape: [...shape], dtype };
}

/** Lets a placeholder go that no tensor holds. */
export function dropPlaceholder(dataId: DataId): void {
  backend.disposeData(dataId);
}

/** A tensor without values that belongs to the tracing backend. */
export function placeholderTensor(shape: readonly number[], dtype: DataType): Tensor {
  return engine().makeTensorFromTensorInfo(placeholder(shape, dtype), backend);
}

/** Whether the data lies on the tracing backend without values. */
export function isPlaceholder(dataId: DataId): boolean {
  return store.get(dataId)?.values === null;
}

/**
 * Runs `body`, which listens; once more where it lacked a kernel that was registered after the others were mirrored. To look
 * through all kernels every time would cost more than most traces.
 * @throws {EngineError} if the backend lacks the kernel too.
 */
export function withLateKernels<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    const [, kernel] = missing.exec(String(error)) ?? [];
    if (!kernel) throw error;
    const before = mirrored.size;
    mirroredBackends.forEach(mirrorKernels);
    if (mirrored.size === before) throw missingKernel(kernel, engine().backendName, { cause: error });
  }
  return withLateKernels(body);
}

/** Runs `body` with TensorFlow.js on the tracing backend, so that its kernel calls come to `to`. */
export function listen<T>(to: (real: RealBackend) => KernelListener, body: () => T): T {
  // The getter starts the backend where nothing has run yet.
  const real = { backend: engine().backend, name: engine().backendName };
  const engineState = internals();
  for (const from of [real.name, 'cpu']) if (!mirroredBackends.has(from)) mirrorKernels(from);
  const previous = { listener, profiler: engineState.profiler, profiling: engineState.state.profiling };
  listener = to(real);
  engineState.profiler = idleProfiler;
  engineState.state.profiling = false;
  engineState.backendName = name;
  engineState.backendInstance = backend;
  try {
    return body();
  } finally {
    ({ listener } = previous);
    engineState.profiler = previous.profiler;
    engineState.state.profiling = previous.profiling;
    engineState.backendName = real.name;
    engineState.backendInstance = real.backend;
  }
}

/** Runs `body` on the real backend, in the middle of a trace; placeholders then read as zeros. */
export function onRealBackend<T>(real: RealBackend, body: () => T): T {
  const engineState = internals();
  engineState.backendName = real.name;
  engineState.backendInstance = real.backend;
  readable = true;
  try {
    return body();
  } finally {
    readable = false;
    engineState.backendName = name;
    engineState.backendInstance = backend;
  }
}
