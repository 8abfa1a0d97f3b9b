import { checkOptions, EngineError, flag, type Plugin, type Rule, type VectorField } from '@odegrad/core';
import { replayEngine } from '@odegrad/engine-replay';
import { checkAlive, type FieldEngine, type FieldRequest, type PreparedField } from '@odegrad/engine-tfjs';
import {
  checkMissed,
  checkGuards,
  computeNumbersBy,
  countCompilation,
  createTraceCache,
  findReads,
  recovered,
  type FloatType,
} from '@odegrad/trace';
import { tensor, Variable, type Tensor } from '@tensorflow/tfjs-core';

import { exactKernels } from './field/exact-kernels.ts';
import { compileField, vectorField, type CompiledField } from './field/field.ts';
import { rewriteForWasm } from './field/rewrite.ts';
import type { Solve } from './field/model.ts';
import { lower } from './lower/lower.ts';
import { UnsupportedError } from './lower/unsupported.ts';
import { createArena } from './runtime/arena.ts';
import { arrayOf, createPool, type WasmArray } from './runtime/array.ts';
import { arrayEngine } from './runtime/engine.ts';

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
  const pools = { float32: createPool('float32'), float64: createPool('float64') };
  const warned = new WeakSet<object>();
  computeNumbersBy(exactKernels());
  const traces = createTraceCache<Made>((traced, { key, parameters, dtype }) => {
    countCompilation(key);
    const gradient = traced.gradientIfAny;
    const { forward } = traced;
    const about = {
      target: { float: dtype, relaxed, arena: createArena() },
      pool: pools[dtype],
      engine: arrayEngine(dtype),
      shapes: traced.shapes,
      parameterShapes: parameters.map(({ shape }) => shape),
    };
    return {
      field: compileField({ forward: () => forward, gradient: traced.gradient }, about),
      obstacle: obstacleIn(gradient ? [forward, gradient] : [forward], dtype),
    };
  });

  return {
    name: 'wasm',
    findReads,
    prepare(request) {
      const pool = pools[request.dtype];
      pool.trim();
      const { traced, others } = traces(request, '');
      const { field, obstacle } = traced.made;
      if (obstacle) return replayInstead(obstacle, request, [traced.made, request.key], warned);
      checkAlive(others);
      const parameters = request.parameters.map((x) => arrayOf(pool, x.dataSync(), x.shape));
      const solve: Solve = {
        variables: {
          ...Object.fromEntries(parameters.map(({ data }, i) => [`p${i}`, data])),
          ...Object.fromEntries(others.map((x, i) => [`v${i}`, valuesOf(x, request)])),
        },
      };
      const solved = vectorField(field, solve, parameters);
      const prepared: PreparedField<WasmArray> = {
        field: fuse ? solved : stageByStage(solved),
        fromTensor: (x) => arrayOf(pool, x.dataSync(), x.shape),
        toTensor: ({ data, kind }) => tensor(Float32Array.from(data), [...kind.shape], 'float32'),
        fromArray: (values, shape) => arrayOf(pool, values, shape),
        toArray: ({ data }) => Float64Array.from(data),
      };
      checkMissed(request, others);
      checkGuards(
        request,
        traced.forward,
        () => slopeAtStart(request, prepared),
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
function valuesOf(x: Tensor, { dtype }: FieldRequest): ArrayLike<number> {
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
      lower(rewriteForWasm(program), float);
    } catch (error) {
      if (error instanceof UnsupportedError) return error;
      throw error;
    }
  }
  return undefined;
}

function replayInstead(
  obstacle: UnsupportedError,
  request: FieldRequest,
  what: readonly object[],
  warned: WeakSet<object>,
): PreparedField<WasmArray> {
  if (request.dtype !== 'float32')
    throw new EngineError(
      `Engine 'wasm' cannot run f in float64: ${obstacle.message}. Write f without it, or solve in float32.`,
    );
  // Once for a function, in whatever shapes, and once for those that record alike.
  if (!what.some((one) => warned.has(one)))
    console.warn(
      `Engine 'wasm': ${obstacle.message}, so this f is replayed on the kernels of TensorFlow.js.`,
    );
  for (const one of what) warned.add(one);
  // Arrays are opaque to whoever solves; here they are tensors.
  return replayEngine.prepare(request) as unknown as PreparedField<WasmArray>;
}

/** The slope at (t0, y0) as the engine computes it. */
function slopeAtStart(
  { t0, y0 }: FieldRequest,
  { field, fromTensor }: PreparedField<WasmArray>,
): Float64Array[] {
  const state = y0.map(fromTensor);
  const slope = field.evaluate(t0, state);
  const values = slope.map(({ data }) => Float64Array.from(data));
  for (const x of [...state, ...slope]) field.engine.release(x);
  return values;
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
