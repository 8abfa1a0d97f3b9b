import { Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, suggest } from '@odegrad/core';
import { describe } from './describe.ts';
import { isFloat64Part } from './float64-parts.ts';
import type { Part } from './parts.ts';
import type { LikeState } from './state.ts';

/** Takes a part of a value, called `name` in messages, for what it should be. `i` counts the parts. */
type ReadPart<P> = (part: unknown, name: string, i: number) => P;

/** How a user's state is taken apart into a list of its parts, and put together again. */
export interface Structure<S> {
  /** A name for each part, for messages: `y0`, `y0[1]`, `y0.position`. */
  names(of: string): readonly string[];
  /** The parts of a value of this structure; `what` they are, for messages: tensors by default. */
  flatten<P>(value: unknown, of: string, read: ReadPart<P>, what?: string): P[];
  unflatten(parts: readonly Part[]): LikeState<S>;
}

/** @throws {ArgumentError} unless `y0` is one part, or an array or a record of them. */
export function structureOf<S>(y0: S): Structure<S> {
  if (y0 instanceof Tensor || isFloat64Part(y0)) return single<S>();
  if (Array.isArray(y0)) return tuple<S>(y0.length);
  if (isRecord(y0)) return recordOf<S>(Object.keys(y0));
  throw new ArgumentError(
    `y0 must be a tensor, or an array or a record of tensors, not ${describe(y0)}. Make one with tf.tensor(…), or ` +
      `give a Float64Array to solve in doubles.`,
  );
}

function single<S>(): Structure<S> {
  return {
    names: (of) => [of],
    flatten: (value, of, read) => [read(value, of, 0)],
    unflatten: ([part]) => part as LikeState<S>,
  };
}

function tuple<S>(length: number): Structure<S> {
  const names = (of: string): string[] => Array.from({ length }, (_, i) => `${of}[${i}]`);
  return {
    names,
    flatten(value, of, read, what = 'tensors') {
      if (!Array.isArray(value) || value.length !== length) {
        throw new ArgumentError(
          `${of} must be an array of ${length} ${what} like y0, not ${describe(value)}.`,
        );
      }
      return names(of).map((name, i) => read(value[i], name, i));
    },
    unflatten: (parts) => [...parts] as unknown as LikeState<S>,
  };
}

function recordOf<S>(keys: readonly string[]): Structure<S> {
  return {
    names: (of) => keys.map((key) => `${of}.${key}`),
    flatten(value, of, read) {
      const given = isRecord(value) ? Object.keys(value) : [];
      if (!isRecord(value) || given.length !== keys.length || !keys.every((key) => key in value)) {
        const unknown = given.find((key) => !keys.includes(key));
        throw new ArgumentError(
          `${of} must be a record with the keys of y0, ${keys.join(', ')}, not ` +
            `${given.length > 0 ? `one with ${given.join(', ')}` : describe(value)}.` +
            (unknown === undefined ? '' : suggest(unknown, keys)),
        );
      }
      return keys.map((key, i) => read(value[key], `${of}.${key}`, i));
    },
    unflatten: (parts) => Object.fromEntries(keys.map((key, i) => [key, parts[i]!])) as LikeState<S>,
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  !(value instanceof Tensor);
