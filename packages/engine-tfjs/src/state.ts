import { Tensor, type Rank, type Scalar } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';

/** The unknown of an ODE: one tensor, a tuple, or a record of tensors. */
export type OdeState = Tensor | readonly Tensor[] | { readonly [name: string]: Tensor };

type Plain<T> = T extends Tensor<infer R extends Rank> ? Tensor<R> : never;

/** `S` as `f` gets it: variables are plain tensors by then. */
export type StateOf<S> = S extends Tensor ? Plain<S> : { -readonly [K in keyof S]: Plain<S[K]> };

/** Something of the structure of `S`, of any shape: slopes, trajectories, cotangents. */
export type LikeState<S> = S extends Tensor ? Tensor : { readonly [K in keyof S]: Tensor };

/** What is used of a tf.layers model or layer: applied to a state, it gives the slope. */
export interface Model {
  apply(inputs: Tensor): unknown;
  /** Not used, but functions have an `apply` too. */
  readonly trainableWeights: readonly unknown[];
}

/** dy/dt = f(t, y): `t` is a float32 scalar; `f` returns tensors with the structure and shapes of `y`. */
export type VectorFieldFunction<S> = (t: Scalar, y: StateOf<S>) => LikeState<S>;

/** How a user's state is taken apart into a list of tensors, and put together again. */
export interface Structure<S> {
  /** A name for each part, for messages: `y0`, `y0[1]`, `y0.position`. */
  names(of: string): readonly string[];
  /** The tensors of a value of this structure. */
  flatten(value: unknown, of: string): Tensor[];
  unflatten(parts: readonly Tensor[]): LikeState<S>;
}

/** @throws {ArgumentError} unless `y0` is a tensor, or a non-empty array or record of tensors. */
export function structureOf<S>(y0: S): Structure<S> {
  if (y0 instanceof Tensor) return singleTensor<S>();
  if (Array.isArray(y0)) return tuple<S>(y0.length);
  if (isRecord(y0)) return recordOf<S>(Object.keys(y0));
  throw new ArgumentError(
    `y0 must be a tensor, or an array or a record of tensors, not ${describe(y0)}. Make one with tf.tensor(…).`,
  );
}

function singleTensor<S>(): Structure<S> {
  return {
    names: (of) => [of],
    flatten: (value, of) => [tensorAt(value, of)],
    unflatten: ([part]) => part as LikeState<S>,
  };
}

function tuple<S>(length: number): Structure<S> {
  const names = (of: string): string[] => Array.from({ length }, (_, i) => `${of}[${i}]`);
  return {
    names,
    flatten(value, of) {
      if (!Array.isArray(value) || value.length !== length) {
        throw new ArgumentError(
          `${of} must be an array of ${length} tensors like y0, not ${describe(value)}.`,
        );
      }
      return names(of).map((name, i) => tensorAt(value[i], name));
    },
    unflatten: (parts) => [...parts] as unknown as LikeState<S>,
  };
}

function recordOf<S>(keys: readonly string[]): Structure<S> {
  return {
    names: (of) => keys.map((key) => `${of}.${key}`),
    flatten(value, of) {
      const given = isRecord(value) ? Object.keys(value) : [];
      if (!isRecord(value) || given.length !== keys.length || !keys.every((key) => key in value)) {
        throw new ArgumentError(
          `${of} must be a record with the keys of y0, ${keys.join(', ')}, not ` +
            `${given.length > 0 ? `one with ${given.join(', ')}` : describe(value)}.`,
        );
      }
      return keys.map((key) => tensorAt(value[key], `${of}.${key}`));
    },
    unflatten: (parts) => Object.fromEntries(keys.map((key, i) => [key, parts[i]!])) as LikeState<S>,
  };
}

function tensorAt(value: unknown, name: string): Tensor {
  if (isTensor(value)) {
    if (value.isDisposed) throw new ArgumentError(`${name} was disposed before; tf.keep it, or tidy less.`);
    return value;
  }
  throw new ArgumentError(`${name} must be a tensor, not ${describe(value)}.`);
}

const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor);

/** A value in words, for messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') {
    return String(value);
  }
  if (value instanceof Tensor) return 'a tensor';
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'function' ? 'a function' : 'an object';
}
