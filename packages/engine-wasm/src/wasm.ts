import { checkOptions, flag, once, type Plugin, type Rule, type VectorField } from '@odegrad/core';
import { fallbackOf, replayEngine } from '@odegrad/engine-replay';
import { checkAlive, type FieldEngine, type FieldRequest, type PreparedField } from '@odegrad/engine-tfjs';
import {
  arrayEngine,
  arrayOf,
  checkMissed,
  checkGuards,
  computeNumbersBy,
  countCompilation,
  createPool,
  createTraceCache,
  findReads,
  recovered,
  slopeAtStart,
  type FloatData,
  type FloatType,
} from '@odegrad/trace';
import { tensor, Variable, type Tensor } from '@tensorflow/tfjs-core';

import { wasmKernels } from './field/exact-kernels.ts';
import { compileField, vectorField, type CompiledField } from './field/field.ts';
import { rewriteForWasm } from './field/rewrite.ts';
import type { Solve } from './field/model.ts';
import { lower } from './lower/lower.ts';
import { UnsupportedError } from './lower/unsupported.ts';
import { createArena } from './runtime/arena.ts';
import type { WasmArray } from './runtime/array.ts';

/** How vector fields are compiled. */
export interface WasmOptions {
  /**
   * Whether a product and a sum may be rounded once where the processor can: a tenth faster, but the same seed then gives other digits
   * on other processors. By default false.
   */
  readonly relaxed?: boolean;
  /** Whether whole steps, and several at a time, may be one call, by default true. */
  readonly fuse?: boolean;
}

const RULES: Readonly<Record<keyof WasmOptions, Rule>> = { relaxed: flag, fuse: flag };

interface Made {
  readonly field: CompiledField;
  /** The kernel that there is no code for, if there is one. */
  readonly obstacle: UnsupportedError | undefined;
}

/**
 * An engine named `wasm` that compiles vector fields to WebAssembly.
 *
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export function wasmEngine(options: WasmOptions = {}): FieldEngine<WasmArray> {
  checkOptions('wasm', options, RULES);
  const { relaxed = false, fuse = true } = options;
  const pool = createPool();
  const replayInstead = fallbackOf('wasm');
  computeNumbersBy(wasmKernels());
  const traces = createTraceCache<Made>((traced, { key, parameters, dtype }) => {
    countCompilation(key);
    // Rewritten once, for the look at kernels without code too.
    const programs = {
      forward: once(() => rewriteForWasm(traced.forward)),
      gradient: once(() => rewriteForWasm(traced.gradient())),
    };
    const { forward, gradient } = programs;
    const about = {
      target: { float: dtype, relaxed, arena: createArena() },
      pool,
      engine: arrayEngine('wasm', dtype),
      shapes: traced.shapes,
      parameterShapes: parameters.map(({ shape }) => shape),
    };
    return {
      field: compileField({ forward: () => traced.forward, gradient: traced.gradient }, programs, about),
      obstacle: obstacleIn(traced.gradientIfAny ? [forward(), gradient()] : [forward()], dtype),
    };
  });

  return {
    name: 'wasm',
    findReads,
    prepare(request) {
      const { dtype } = request;
      pool.trim();
      const { traced, others } = traces(request, '');
      const { field, obstacle } = traced.made;
      if (obstacle) return replayInstead(obstacle, request, [traced.made, request.key]);
      checkAlive(others);
      const parameters = request.parameters.map((x) =>
        arrayOf(pool, dtype, request.exact?.get(x) ?? x.dataSync(), x.shape),
      );
      const solve: Solve = {
        variables: {
          ...Object.fromEntries(parameters.map(({ data }, i) => [`p${i}`, data as FloatData])),
          ...Object.fromEntries(others.map((x, i) => [`v${i}`, valuesOf(x, request)])),
        },
      };
      const solved = vectorField(field, solve, parameters);
      const prepared: PreparedField<WasmArray> = {
        field: fuse ? solved : stageByStage(solved),
        fromTensor: (x) => arrayOf(pool, dtype, x.dataSync(), x.shape),
        toTensor: ({ data, dims }) => tensor(Float32Array.from(data as FloatData), [...dims], 'float32'),
        fromArray: (values, shape) => arrayOf(pool, dtype, values, shape),
        toArray: ({ data }) => Float64Array.from(data as FloatData),
      };
      checkMissed(request, others);
      checkGuards(
        request,
        traced.forward,
        () => slopeAtStart(request, prepared, ({ data }) => (data as FloatData).slice()),
        undefined,
        request.dtype === 'float64'
          ? () => replayEngine.prepare({ ...request, dtype: 'float32' })
          : undefined,
      );
      return prepared;
    },
  };
}

/** The field without whole steps. */
function stageByStage({ compile: _, ...field }: VectorField<WasmArray>): VectorField<WasmArray> {
  return field;
}

/** What a captured tensor holds; in doubles a captured number is taken as it was written, as one in f is. */
function valuesOf(x: Tensor, { dtype, exact }: FieldRequest): ArrayLike<number> {
  const doubles = exact?.get(x);
  if (doubles) return doubles.slice();
  const values = x.dataSync();
  const isNumber = dtype === 'float64' && x.dtype === 'float32' && !(x instanceof Variable);
  return isNumber ? recovered(values as Float32Array) : values.slice();
}

/** Looks for kernels without code before a solve begins: in f, and in its gradient where it has one. */
function obstacleIn(
  programs: readonly Parameters<typeof lower>[0][],
  float: FloatType,
): UnsupportedError | undefined {
  for (const program of programs) {
    try {
      lower(program, float);
    } catch (error) {
      if (error instanceof UnsupportedError) return error;
      throw error;
    }
  }
  return undefined;
}

let usual: Plugin | undefined;

/**
 * Adds engines `wasm` and `replay`: the same f, recorded once, as WebAssembly or on TensorFlow.js's own kernels.
 * Without options it is the same value every time.
 *
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export function wasm(options?: WasmOptions): Plugin {
  const make = (): Plugin => ({ name: '@odegrad/engine-wasm', engines: [wasmEngine(options), replayEngine] });
  return options === undefined ? (usual ??= make()) : make();
}
