import { createRequire } from 'node:module';

import { EngineError } from '@odegrad/core';

import { unreadable } from './model.ts';

/** A tensor as ONNX Runtime's binding takes it: a plain object with these fields will do. */
export interface BoundTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: 'cpu';
  readonly data: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
}

export type Feeds = Record<string, BoundTensor>;

/** Where models run, on how many threads, and whether what a run used is kept for the next. */
export interface SessionOptions {
  readonly providers: readonly string[];
  readonly threads: number;
  /** The type of the model's floating-point numbers; float32 unless said. */
  readonly float?: 'float32' | 'float64';
  /** By default true. */
  readonly arena?: boolean;
}

/**
 * A model that is ready to run. `run` fills the given outputs and returns when it has.
 *
 * The binding then copies each output once more, into a fresh array of its own, although it was given one. With a first output
 * that it cannot hand over it fails before the first copy, when all outputs are written: a few µs for the error, in place of
 * twice the traffic and the garbage.
 */
export interface Session {
  run(feeds: Feeds, outputs: Feeds): void;
  release(): void;
}

/** A session as the binding has it. */
export interface NativeSession {
  readonly outputMetadata: readonly { readonly name: string }[];
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: object): void;
  run(feeds: Feeds, fetches: Readonly<Record<string, BoundTensor | null>>, options: object): unknown;
  dispose(): void;
}

/** The synchronous part of onnxruntime-node, under its public, asynchronous interface. */
interface Binding {
  readonly binding: {
    readonly InferenceSession: new () => NativeSession;
    listSupportedBackends(): { name: string; bundled: boolean }[];
  };
  initOrt(): void;
}

const require = createRequire(import.meta.url);
const noOptions = {};
let loaded: Binding['binding'] | undefined;

/**
 * Loads ONNX Runtime.
 * @throws {EngineError} if it is not installed, or not as this package knows it.
 */
export function onnxRuntime(): Binding['binding'] {
  if (loaded) return loaded;
  let module: Partial<Binding>;
  try {
    // A model's errors are thrown as well; what is logged beside them helps nobody.
    (require('onnxruntime-common') as { env: { logLevel: string } }).env.logLevel = 'fatal';
    module = require('onnxruntime-node/dist/binding.js') as Partial<Binding>;
  } catch (error) {
    throw new EngineError(
      `onnxruntime-node could not be loaded (${messageOf(error).split('\n')[0]!}). Install it without its script, which only downloads CUDA ` +
        'libraries and fails where it cannot: npm install --ignore-scripts. Engine replay needs no native module.',
      { cause: error },
    );
  }
  if (typeof module.initOrt !== 'function' || typeof module.binding?.InferenceSession !== 'function') {
    throw new EngineError(
      'This version of onnxruntime-node has another binding than the one known here. Install onnxruntime-node 1.30.0.',
    );
  }
  module.initOrt();
  loaded = module.binding;
  return loaded;
}

const hints: Readonly<Record<string, string>> = {
  cuda: 'It needs a Linux machine with CUDA 12 and cuDNN 9, and onnxruntime-node installed by its script, with ONNXRUNTIME_NODE_INSTALL=cuda12 in the environment.',
  tensorrt:
    'It needs CUDA 12 and TensorRT, and onnxruntime-node installed by its script, with ONNXRUNTIME_NODE_INSTALL=cuda12 in the environment.',
  webgpu: 'It needs a graphics driver that Dawn can use (Vulkan, Metal or Direct3D 12).',
};

/** Sessions that became garbage: the binding frees what is native only where it is told to. */
const forgotten = new FinalizationRegistry<NativeSession>((session) => {
  session.dispose();
});

/**
 * How much ONNX Runtime may change a graph. What it fuses beyond `basic` gets its numbers as attributes, which are float32
 * whatever the values are: a scaled product would be off by 1.5·10⁻⁸, and x σ(x) has no kernel for doubles. The same goes for
 * what makes layer normalisation and GELU one operator, which is in `basic`; and at a rectifier before a clip of doubles it fails.
 */
const optimization = {
  float32: { level: 'all', extra: {} },
  float64: {
    level: 'basic',
    extra: { disable_specified_optimizers: 'FuseReluClip;LayerNormFusionL1;GeluFusionL1' },
  },
} as const;

/** Makes a session of a model's bytes. */
export function createSession(
  model: Uint8Array,
  { providers, threads, float = 'float32', arena = true }: SessionOptions,
): Session {
  const session = new (onnxRuntime().InferenceSession)();
  const { level, extra } = optimization[float];
  const options = {
    executionProviders: [...providers],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: level,
    enableCpuMemArena: arena,
    enableMemPattern: arena,
    // Waking a thread costs as much as a small product, so within a call they spin; a solve alternates between models, and
    // threads that went on to spin for the last one would be in the way of the next.
    extra: {
      session: { intra_op: { allow_spinning: '1' }, force_spinning_stop: '1' },
      optimization: extra,
    },
  };
  try {
    session.loadModel(model.buffer, model.byteOffset, model.byteLength, options);
  } catch (error) {
    const missing = providers.filter((provider) => provider !== 'cpu');
    const why = messageOf(error);
    if (missing.length === 0)
      throw new EngineError(`ONNX Runtime refuses the model of f: ${why}`, { cause: error });
    const remedies = missing
      .map((provider) => hints[provider] ?? `Providers here: ${supported()}.`)
      .join(' ');
    throw new EngineError(
      `Provider ${missing.join(', ')} is not available: ${why} ${remedies} Or leave out providers, to run on the CPU.`,
      { cause: error },
    );
  }
  const made: Session = {
    run: session.outputMetadata.some(({ name }) => name === unreadable.name)
      ? (feeds, outputs) => {
          runUncopied(session, feeds, outputs);
        }
      : (feeds, outputs) => {
          session.run(feeds, outputs, noOptions);
        },
    release() {
      forgotten.unregister(made);
      session.dispose();
    },
  };
  forgotten.register(made, session, made);
  return made;
}

const expected = `Tensor type (${unreadable.bfloat16}) is not supported`;

/** Runs a model with an unreadable output. */
function runUncopied(session: NativeSession, feeds: Feeds, outputs: Feeds): void {
  // The expected error's trace would cost more than all the rest of it. (Where Error is frozen, it does.)
  const limit = Error.stackTraceLimit;
  let failure: unknown;
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    session.run(feeds, { ...outputs, [unreadable.name]: null }, noOptions);
  } catch (error) {
    failure = error;
  } finally {
    Reflect.set(Error, 'stackTraceLimit', limit);
  }
  if (failure !== undefined && !messageOf(failure).includes(expected))
    throw new EngineError(`The model failed: ${messageOf(failure)}`, { cause: failure });
}

/** Not by `instanceof Error`: the binding may be of another realm than this module, as under Jest. */
function messageOf(error: unknown): string {
  return String((error as { message?: unknown } | undefined)?.message ?? error);
}

const supported = (): string =>
  onnxRuntime()
    .listSupportedBackends()
    .map(({ name }) => name)
    .join(', ');
