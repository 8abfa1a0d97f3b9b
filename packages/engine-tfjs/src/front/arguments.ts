import { Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import { ArgumentError, checkTimes } from '@odegrad/core';
import { argsOf, type Args } from './args.ts';
import { describe } from './describe.ts';
import type { FlatField } from '../eager/field-engine.ts';
import { flatField } from './flat-field.ts';
import { float64Parts, isFloat64Part } from './float64-parts.ts';
import { eventsOf, type FlatEvent } from './events.ts';
import type { SolveOptions } from './options.ts';
import type { Part, PartKind } from './parts.ts';
import { checkRows, isRagged, raggedTimes, type RaggedTimes } from './ragged-times.ts';
import { resolveOptions, type Accepted, type Resolved } from './resolve-options.ts';
import { checkRagged } from './saved.ts';
import { checkStops } from './stopped.ts';
import type { Model, VectorFieldFunction } from './state.ts';
import { structureOf, type Structure } from './structure.ts';
import { tensorParts } from './tensor-parts.ts';
import { checkRoundedTimes } from './time-resolution.ts';

/**
 * Output times, the first one that of y0. Increasing or decreasing; repeated ones repeat the state, one alone gives y0. Or a list of
 * them for each row of a batch, of one length, or a tensor `[B, T]`: y0 is then at the first of all.
 */
export type Times =
  | readonly number[]
  | readonly (readonly number[] | Float64Array | Float32Array)[]
  | Float64Array
  | Float32Array
  | Tensor1D
  | Tensor;

/** A call of `odeint` or `solve`, checked and taken apart. Nothing is alive that was not before, but what `args.release` frees. */
export interface Call<S, P extends Part = Part> extends Resolved {
  readonly f: FlatField;
  /** The user's f. */
  readonly key: object;
  readonly structure: Structure<S>;
  readonly kind: PartKind<P>;
  /** The user's tensors, or arrays of doubles. */
  readonly y0: readonly P[];
  /** Where rows have times of their own, the first and the last of all. */
  readonly ts: readonly number[];
  readonly ragged: RaggedTimes | undefined;
  /** Where the times came as a tensor: that tensor, which gradients go to. */
  readonly timesTensor: Tensor | undefined;
  readonly args: Args;
  readonly events: readonly FlatEvent[];
  readonly maxEvents: number | undefined;
}

/** @throws {ArgumentError} or {RegistryError} */
export function checkCall<S, A = unknown>(
  f: VectorFieldFunction<S, never> | Model,
  y0: S,
  ts: Times,
  options: SolveOptions<S, A>,
  accepted?: Accepted,
): Call<S> {
  const structure = structureOf(y0);
  const resolved = resolveOptions(options, structure, accepted);
  const kind = kindOf(y0, structure);
  const parts = structure.flatten(y0, 'y0', (part, name) => kind.start(part, name));
  if (parts.length === 0) throw new ArgumentError('y0 has no tensors; give at least one.');
  const call = {
    ...resolved,
    dtype: kind.precision(options.dtype),
    key: f,
    structure,
    kind,
    y0: parts,
    ...timesOf(ts),
    timesTensor: ts instanceof Tensor ? ts : undefined,
  };
  checkRagged(call.saved, call.outputs, call.ragged);
  if (call.ragged) checkRows(call.ragged, parts, structure.names('y0'));
  const args = argsOf(options.args);
  return args.releasedOnError(() => {
    const events = eventsOf(options.events, structure, parts, args.value);
    checkStops({ ...call, events });
    const { maxEvents } = options;
    return { ...call, args, f: flatField(f, structure, parts, args.value), events, maxEvents };
  });
}

/** What the parts of `y0` are; those that are neither are told so later. */
function kindOf<S>(y0: S, structure: Structure<S>): PartKind<Part> {
  const parts = structure.flatten(y0, 'y0', (part, name) => ({ part, name }));
  const double = parts.find(({ part }) => isFloat64Part(part));
  if (!double) return tensorParts;
  const tensor = parts.find(({ part }) => part instanceof Tensor);
  if (!tensor) return float64Parts;
  throw new ArgumentError(
    `${tensor.name} is a tensor, but ${double.name} is in doubles. Give all parts of y0 as tensors, or all as ` +
      `Float64Arrays or { shape, data }.`,
  );
}

function timesOf(ts: Times): Pick<Call<unknown>, 'ts' | 'ragged'> {
  if (!isRagged(ts)) return { ts: listOf(ts), ragged: undefined };
  const ragged = raggedTimes(ts);
  return { ts: [ragged.times[0]!, ragged.times.at(-1)!], ragged };
}

function listOf(ts: Times): readonly number[] {
  if (ts instanceof Tensor) {
    if (ts.isDisposed) throw new ArgumentError('`ts` was disposed before.');
    if (ts.rank !== 1 || ts.dtype !== 'float32') {
      throw new ArgumentError(
        `\`ts\` must be a one-dimensional float32 tensor or an array of numbers (or a tensor [B, T], for rows of a batch), not a tensor of rank ${ts.rank} and ` +
          `dtype ${ts.dtype}.`,
      );
    }
  } else if (!Array.isArray(ts) && !ArrayBuffer.isView(ts)) {
    throw new ArgumentError(`\`ts\` must be an array of numbers or a 1-D tensor, not ${describe(ts)}.`);
  }
  const times = Array.from(ts instanceof Tensor ? ts.dataSync<'float32'>() : (ts as ArrayLike<number>));
  times.forEach((t: unknown, i) => {
    if (typeof t !== 'number') throw new ArgumentError(`\`ts[${i}]\` must be a number, not ${describe(t)}.`);
  });
  if (ts instanceof Tensor || ts instanceof Float32Array) checkRoundedTimes(times);
  checkTimes(times);
  return times;
}
