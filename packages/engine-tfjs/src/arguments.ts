import { Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import { ArgumentError, checkTimes } from '@odegrad/core';
import { tensorEngine } from './engine.ts';
import type { FlatField } from './field-engine.ts';
import { flatField } from './flat-field.ts';
import type { OdeOptions } from './options.ts';
import { resolveOptions, type Resolved } from './resolve-options.ts';
import { describe, structureOf, type Model, type Structure, type VectorFieldFunction } from './state.ts';

/** Output times, the first one that of y0. Strictly increasing or strictly decreasing. */
export type Times = readonly number[] | Float64Array | Float32Array | Tensor1D | Tensor;

/** A call of `odeint` or `solve`, checked and taken apart. Nothing is alive that was not before. */
export interface Call<S> extends Resolved {
  readonly f: FlatField;
  /** The user's f. */
  readonly key: object;
  readonly structure: Structure<S>;
  /** The user's tensors. */
  readonly y0: readonly Tensor[];
  readonly ts: readonly number[];
  /** Where the times came as a tensor: that tensor, which gradients go to. */
  readonly timesTensor: Tensor | undefined;
}

/** @throws {ArgumentError} or {RegistryError} */
export function checkCall<S>(
  f: VectorFieldFunction<S> | Model,
  y0: S,
  ts: Times,
  options: OdeOptions,
): Call<S> {
  const resolved = resolveOptions(options);
  const structure = structureOf(y0);
  const parts = structure.flatten(y0, 'y0');
  const names = structure.names('y0');
  if (parts.length === 0) throw new ArgumentError('y0 has no tensors; give at least one.');
  parts.forEach((part, i) => {
    if (part.dtype !== 'float32') {
      throw new ArgumentError(`${names[i]!} is of dtype ${part.dtype}; it must be float32. tf.cast it.`);
    }
    if (!tensorEngine.isFinite(part)) {
      throw new ArgumentError(
        `${names[i]!} has entries that are NaN or infinite; a solve cannot start there.`,
      );
    }
  });
  return {
    ...resolved,
    f: flatField(f, structure, parts),
    key: f,
    structure,
    y0: parts,
    ts: timesOf(ts),
    timesTensor: ts instanceof Tensor ? ts : undefined,
  };
}

function timesOf(ts: Times): readonly number[] {
  if (ts instanceof Tensor) {
    if (ts.isDisposed) throw new ArgumentError('`ts` was disposed before.');
    if (ts.rank !== 1 || ts.dtype !== 'float32') {
      throw new ArgumentError(
        `\`ts\` must be a one-dimensional float32 tensor or an array of numbers, not a tensor of rank ${ts.rank} and ` +
          `dtype ${ts.dtype}.`,
      );
    }
  } else if (!Array.isArray(ts) && !ArrayBuffer.isView(ts)) {
    throw new ArgumentError(`\`ts\` must be an array of numbers or a 1-D tensor, not ${describe(ts)}.`);
  }
  const times = Array.from<number>(ts instanceof Tensor ? ts.dataSync<'float32'>() : ts);
  times.forEach((t: unknown, i) => {
    if (typeof t !== 'number') throw new ArgumentError(`\`ts[${i}]\` must be a number, not ${describe(t)}.`);
  });
  checkTimes(times);
  return times;
}
