import { availableParallelism } from 'node:os';

import { checkOptions, countOf, flag, valueThat, type Plugin, type Rule } from '@odegrad/core';
import { fallbackOf, replayEngine } from '@odegrad/engine-replay';
import { checkAlive, type FieldEngine } from '@odegrad/engine-tfjs';
import {
  checkMissed,
  checkGuards,
  computeNumbersBy,
  countCompilation,
  createTraceCache,
  findReads,
  slopeAtStart,
  type FloatData,
  type FloatType,
} from '@odegrad/trace';

import { compileRecorded, solveWith, type RecordedField } from './recorded-field.ts';
import { createPool } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from './runtime/runtime.ts';
import { onnxKernels } from './runtime/exact-kernels.ts';
import { withLargeKernels } from './runtime/large-kernels.ts';
import { largeSums } from './runtime/large-sums.ts';
import { onnxRuntime } from './runtime/session.ts';

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
const retire = (made: Pick<RecordedField, 'retire'>): void => {
  made.retire();
};

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
  const replayInstead = fallbackOf('onnx');
  computeNumbersBy(onnxKernels({ ...runtimeFor('float64'), providers: ['cpu'], threads: 1 }));

  const traces = createTraceCache<RecordedField>((traced, request) => {
    countCompilation(request.key);
    return compileRecorded(traced, request, runtimeFor(request.dtype), {
      plus: sums[request.dtype],
      blocks,
    });
  }, retire);

  return {
    name: 'onnx',
    findReads,
    prepare(request) {
      onnxRuntime();
      pool.trim();
      const { traced, others } = traces(request, '');
      const { made } = traced;
      if (made.obstacle) return replayInstead(made.obstacle, request, [made, request.key]);
      checkAlive(others);
      const prepared = solveWith(made, request, others, fuse);
      checkMissed(request, others);
      checkGuards(
        request,
        traced.forward,
        () => slopeAtStart(request, prepared, ({ data }) => (data as FloatData).slice()),
        (body) => withLargeKernels(runtimeFor(request.dtype), body),
        request.dtype === 'float64'
          ? () => replayEngine.prepare({ ...request, dtype: 'float32' })
          : undefined,
      );
      return prepared;
    },
  };
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
