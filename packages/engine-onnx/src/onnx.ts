import { availableParallelism } from 'node:os';

import {
  checkOptions,
  countOf,
  EngineError,
  flag,
  valueThat,
  type Plugin,
  type Rule,
  type VectorField,
} from '@odegrad/core';
import { checkAlive, type FieldEngine, type FieldRequest, type PreparedField } from '@odegrad/engine-tfjs';
import { tensor, Variable, type Tensor } from '@tensorflow/tfjs-core';

import { arrayEngine, arrayOf } from './runtime/engine.ts';
import { createPool, wrap, type OnnxArray, type Runtime } from './runtime/array.ts';
import { type FloatData, type FloatType } from '@odegrad/trace';
import { createTraceCache, gradientIn } from '@odegrad/trace';
import { blockField } from './shards/shard-field.ts';
import { blockTeam, type BlockTeam } from './shards/shard-group.ts';
import { exactKernels } from './runtime/exact-kernels.ts';
import { checkMissed, findReads } from '@odegrad/trace';
import { compileField, vectorField, type CompiledField } from './field/field.ts';
import { hasCrew } from './shards/worker-pool.ts';
import { createGraph, LoweringError } from './lower/index.ts';
import { lowerProgram } from './runtime/compile.ts';
import { withLargeKernels } from './runtime/large-kernels.ts';
import { largeSums } from './runtime/large-sums.ts';
import { computeNumbersBy } from '@odegrad/trace';
import type { Program } from '@odegrad/trace';
import { checkPurity } from '@odegrad/trace';
import { countCompilation } from '@odegrad/trace';
import { replayEngine } from '@odegrad/engine-replay';
import { blocksThatPay, rowBlocks } from './shards/shards.ts';
import { onnxRuntime, type Session } from './runtime/session.ts';
import { recovered } from '@odegrad/trace';

/** How ONNX Runtime is used. */
export interface OnnxOptions {
  /** Threads of one model, or blocks of a batch; by default 1 for small models and one per core for large ones. */
  readonly threads?: number;
  /**
   * Blocks of rows that a batch is cut into where f treats rows apart, each run by a thread of its own; 1 keeps batches whole.
   * By default as many as there are threads, for an f that is large enough.
   */
  readonly blocks?: number;
  /**
   * Whether whole steps, and several at a time, may be one call, by default true. With `false` every stage is a call of its own: slower
   * for a small f, and each gradient then holds what its method says, to be looked at.
   */
  readonly fuse?: boolean;
  /** Execution providers in order of preference: `cpu` (the default), `webgpu`, `cuda`. */
  readonly providers?: readonly string[];
}

/** Frees what is native of models that nobody is likely to run again. Those that are run all the same are loaded once more. */
const retire = (made: Pick<Made, 'retire'>): void => {
  made.retire();
};

interface Made {
  readonly field: CompiledField;
  /** The field in blocks of rows, where it is run so. */
  readonly team: BlockTeam | undefined;
  /** The kernel that cannot be lowered, if there is one. */
  readonly obstacle: LoweringError | undefined;
  /** Closes the sessions of its models. */
  retire(): void;
}

const RULES: Readonly<Record<keyof OnnxOptions, Rule>> = {
  threads: countOf('the number of threads'),
  blocks: countOf('the number of blocks of rows'),
  fuse: flag,
  providers: valueThat(
    "a list of execution providers such as ['cpu']",
    (value) => Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string'),
  ),
};

/**
 * An engine named `onnx` that runs vector fields on ONNX Runtime.
 *
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export function onnxEngine(options: OnnxOptions = {}): FieldEngine<OnnxArray> {
  checkOptions('onnx', options, RULES);
  const { threads, blocks, fuse = true, providers = ['cpu'] } = options;
  const pool = createPool();
  const runtimeFor = (float: FloatType): Runtime => ({
    float,
    pool,
    providers,
    threads,
    cores: availableParallelism(),
  });
  const sums = { float32: largeSums(runtimeFor('float32')), float64: largeSums(runtimeFor('float64')) };
  const warned = new WeakSet<object>();
  computeNumbersBy(exactKernels({ ...runtimeFor('float64'), providers: ['cpu'], threads: 1 }));

  const traces = createTraceCache<Made>((traced, { key, parameters, dtype }) => {
    countCompilation(key);
    const opened: Session[] = [];
    const runtime: Runtime = { ...runtimeFor(dtype), opened };
    const programs = { forward: () => traced.forward, gradient: traced.gradient };
    const about = {
      runtime,
      engine: arrayEngine('onnx', dtype, sums[dtype]),
      shapes: traced.shapes,
      parameterShapes: parameters.map(({ shape }) => shape),
    };
    const { forward } = traced;
    const gradient = gradientIn(traced);
    const obstacle = obstacleIn(gradient ? [forward, gradient] : [forward], runtime);
    const count = canHelp(runtime) && !obstacle ? (blocks ?? blocksThatPay(traced, runtime)) : 1;
    const rows = gradient && rowBlocks({ forward, gradient }, traced.shapes, count);
    const team = rows && blockTeam(rows, about);
    return {
      field: compileField(programs, about),
      team,
      obstacle,
      retire() {
        opened.forEach((session) => {
          session.release();
        });
        team?.retire();
      },
    };
  }, retire);

  return {
    name: 'onnx',
    findReads,
    prepare(request) {
      onnxRuntime();
      pool.trim();
      const { traced, others } = traces(request, '');
      const { made } = traced;
      if (made.obstacle) return replayInstead(made.obstacle, request, [made, request.key], warned);
      const { field } = made;
      const { runtime } = field;
      const read = (x: Tensor): OnnxArray => {
        const kind = runtime.pool.kind(x.shape, x.dtype === 'float32' ? runtime.float : x.dtype);
        const values = x.dataSync();
        if (runtime.float === 'float32' || x.dtype !== 'float32') return wrap(kind, values);
        // A captured number is taken as it was written, as one in f is.
        const isMade = x instanceof Variable || request.parameters.includes(x);
        return wrap(kind, Float64Array.from(isMade ? values : recovered(values as Float32Array)));
      };
      checkAlive(others);
      const variables = [request.parameters.map(read), others.map(read)] as const;
      const solved = made.team
        ? blockField(made.team.solve(...variables), { engine: field.engine, parameters: variables[0] })
        : vectorField(field, ...variables);
      const prepared: PreparedField<OnnxArray> = {
        field: fuse ? solved : stageByStage(solved),
        fromTensor: (x) => arrayOf(runtime.pool, runtime.float, x.dataSync(), x.shape),
        toTensor: (x) => tensor(Float32Array.from(x.data as Float32Array), [...x.dims], 'float32'),
        fromArray: (values, shape) => arrayOf(runtime.pool, runtime.float, values, shape),
        toArray: (x) => Float64Array.from(x.data as FloatData),
      };
      checkMissed(request, others);
      checkPurity(
        request,
        traced.forward,
        () => slopeAtStart(request, prepared),
        (body) => withLargeKernels(runtimeFor(request.dtype), body),
        runtime.float === 'float64'
          ? () => replayEngine.prepare({ ...request, dtype: 'float32' })
          : undefined,
      );
      return prepared;
    },
  };
}

/** The field without whole steps. */
function stageByStage({ compile: _, ...field }: VectorField<OnnxArray>): VectorField<OnnxArray> {
  return field;
}

/** Whether other threads can run blocks: they have processors, and not what a provider drives. */
const canHelp = ({ providers }: Runtime): boolean =>
  providers.every((provider) => provider === 'cpu') && hasCrew();

/** Looks for kernels without a lowering before a solve begins: in f, and in its gradient where it has one. */
function obstacleIn(programs: readonly Program[], runtime: Runtime): LoweringError | undefined {
  for (const program of programs) {
    try {
      lowerProgram(program, createGraph(runtime.float));
    } catch (error) {
      if (error instanceof LoweringError) return error;
      throw error;
    }
  }
  return undefined;
}

function replayInstead(
  obstacle: LoweringError,
  request: FieldRequest,
  what: readonly object[],
  warned: WeakSet<object>,
): PreparedField<OnnxArray> {
  if (request.dtype !== 'float32') {
    throw new EngineError(
      `Engine 'onnx' cannot run f in float64: ${obstacle.message}. Write f without it, or solve in float32.`,
    );
  }
  // Once for a function, in whatever shapes, and once for those that record alike.
  if (!what.some((one) => warned.has(one))) {
    console.warn(
      `Engine 'onnx': ${obstacle.message}, so this f is replayed on the kernels of TensorFlow.js.`,
    );
  }
  for (const one of what) warned.add(one);
  // Arrays are opaque to whoever solves; here they are tensors.
  return replayEngine.prepare(request) as unknown as PreparedField<OnnxArray>;
}

/** The slope at (t0, y0) as the engine computes it. */
function slopeAtStart(
  { t0, y0 }: FieldRequest,
  { field, fromTensor }: PreparedField<OnnxArray>,
): FloatData[] {
  const state = y0.map(fromTensor);
  const slope = field.evaluate(t0, state);
  const values = slope.map((x) => (x.data as FloatData).slice());
  [...state, ...slope].forEach((x) => {
    field.engine.release(x);
  });
  return values;
}

let usual: Plugin | undefined;

/**
 * Adds engines `onnx` and `replay`: the same f, recorded once, on ONNX Runtime or on TensorFlow.js's own kernels.
 * Without options it is the same value every time.
 *
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export function onnx(options?: OnnxOptions): Plugin {
  const make = (): Plugin => ({ name: '@odegrad/engine-onnx', engines: [onnxEngine(options), replayEngine] });
  return options === undefined ? (usual ??= make()) : make();
}
