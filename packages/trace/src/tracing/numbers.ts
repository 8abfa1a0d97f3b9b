import { engine, env, type DataId, type TensorInfo } from '@tensorflow/tfjs-core';

import type { Attributes, ConstantData, TensorType } from '../ir/program.ts';
import { recovered } from './written.ts';

/**
 * Numbers as f writes them. TensorFlow.js rounds them to float32 where it makes tensors of them; a solve in doubles wants them
 * as they were. A tensor's data is what they are known by.
 */
const numbers = new WeakMap<DataId, Float64Array>();

/** What TensorFlow.js looked at last, of which it may be about to make a tensor. */
interface Seen {
  number: number;
  list: readonly unknown[];
  /** The last lists that it looked at twice in a row: the rows of a nested list it looks at once. */
  twice: readonly (readonly unknown[])[];
}

let seen: Seen | undefined;

/** An operand of a kernel whose values are known. */
export interface KnownOperand {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: TensorType;
  readonly data: ConstantData;
}

/** What a kernel gives in doubles, by result; undefined where it cannot be told. */
export type ExactKernel = (
  kernel: string,
  attrs: Attributes,
  operands: readonly KnownOperand[],
) => readonly (Float64Array | undefined)[] | undefined;

let exactKernel: ExactKernel | undefined;

/** Kernels on numbers of f are computed by this. */
export function computeNumbersBy(kernel: ExactKernel): void {
  exactKernel ??= kernel;
}

/** The values of a tensor that was not computed from t, y or a variable: as f wrote them, where that is known. */
export function constantData({ dataId, dtype }: TensorInfo): ConstantData {
  const data = ofType(engine().readSync(dataId) as ConstantData, dtype as TensorType);
  if (!seen || !(data instanceof Float32Array)) return data.slice();
  return numbers.get(dataId) ?? recovered(data);
}

/** A cast of truth values to a wider type shares their data. */
function ofType(data: ConstantData, dtype: TensorType): ConstantData {
  const array = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype];
  return data instanceof array ? data : array.from(data);
}

/** Told of a kernel that was computed on nothing but constants: notes what it gives in doubles. */
export function noteResults(
  kernel: string,
  attrs: Attributes,
  operands: readonly (readonly [name: string, TensorInfo])[],
  results: readonly TensorInfo[],
): void {
  if (!seen || !results.some(({ dtype }) => dtype === 'float32')) return;
  const exact = operands.some(([, { dtype }]) => dtype === 'float32')
    ? exactKernel?.(
        kernel,
        attrs,
        operands.map(([name, x]) => ({
          name,
          shape: x.shape,
          dtype: x.dtype as TensorType,
          data: constantData(x),
        })),
      )
    : [numbersOfSettings(kernel, attrs, results[0]!)];
  results.forEach(({ dataId, dtype }, i) => {
    const values = exact?.[i];
    if (values && dtype === 'float32') numbers.set(dataId, values);
  });
}

/** Kernels that make numbers of their settings alone. */
function numbersOfSettings(
  kernel: string,
  attrs: Attributes,
  { shape }: TensorInfo,
): Float64Array | undefined {
  const setting = (name: string): number => attrs[name] as number;
  const size = shape.reduce((n, extent) => n * extent, 1);
  const along = (start: number, step: number): Float64Array =>
    Float64Array.from({ length: size }, (_, i) => start + i * step);
  switch (kernel) {
    case 'Fill':
      return new Float64Array(size).fill(setting('value'));
    case 'Range':
      return along(setting('start'), setting('step'));
    case 'LinSpace':
      return along(setting('start'), (setting('stop') - setting('start')) / Math.max(1, setting('num') - 1));
    default:
      return undefined;
  }
}

/**
 * Runs `body`, noting what float32 tensors are made of. Before TensorFlow.js converts a number or a list of them, it asks the
 * platform whether that is a typed array: there it is seen.
 */
export function notingNumbers<T>(body: () => T): T {
  const platform = env().platform as { isTypedArray?: (x: unknown) => boolean };
  const original = platform.isTypedArray;
  if (!original) return body();
  const own = Object.hasOwn(platform, 'isTypedArray');
  const outer = seen;
  const here: Seen = (seen = { number: NaN, list: [], twice: [] });
  platform.isTypedArray = function (x) {
    if (typeof x === 'number') here.number = x;
    else if (Array.isArray(x)) {
      if (x === here.list && x !== here.twice[0]) here.twice = [x, ...here.twice.slice(0, 1)];
      here.list = x;
    }
    return original.call(platform, x);
  };
  try {
    return body();
  } finally {
    seen = outer;
    if (own) platform.isTypedArray = original;
    else Reflect.deleteProperty(platform, 'isTypedArray');
  }
}

/** Told of the data of a new tensor: notes what was seen, if that is what these values are rounded from. */
export function noteWritten(dataId: DataId, values: unknown): void {
  if (!seen || !(values instanceof Float32Array) || values.length === 0) return;
  for (const candidate of [[seen.number], ...seen.twice]) {
    const exact = candidate.length === values.length ? candidate : candidate.flat(Infinity);
    if (!isRounded(values, exact)) continue;
    numbers.set(dataId, Float64Array.from(exact as number[]));
    return;
  }
}

function isRounded(values: Float32Array, exact: readonly unknown[]): boolean {
  if (exact.length !== values.length) return false;
  for (let i = 0; i < values.length; i++) {
    if (typeof exact[i] !== 'number' || !Object.is(Math.fround(exact[i] as number), values[i])) return false;
  }
  return true;
}
