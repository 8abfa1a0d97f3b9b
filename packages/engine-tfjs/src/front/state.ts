import type { Rank, Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core';

/** A tensor of doubles as a plain value, row by row: TensorFlow.js has none. Nothing is to be disposed of. */
export interface Float64Tensor {
  readonly shape: readonly number[];
  /** As many numbers as the shape has entries. */
  readonly data: Float64Array;
}

/** A part of a state in doubles. A bare array of n numbers is of shape `[n]`. */
export type Float64Part = Float64Array | Float64Tensor;

type Of<P> = P | readonly P[] | { readonly [name: string]: P };

/**
 * The unknown of an ODE: one tensor, a tuple, or a record of tensors; or the same in doubles, for engines that
 * compute in float64.
 */
export type OdeState = Of<Tensor> | Of<Float64Part>;

/** The structure of `S` with `T` for each part that is a tensor, and `D` for each that is in doubles. */
type Each<S, T, D> = S extends Tensor
  ? T
  : S extends Float64Part
    ? D
    : { readonly [K in keyof S]: S[K] extends Float64Part ? D : T };

interface Ranks {
  readonly 0: Rank.R0;
  readonly 1: Rank.R1;
  readonly 2: Rank.R2;
  readonly 3: Rank.R3;
  readonly 4: Rank.R4;
  readonly 5: Rank.R5;
  readonly 6: Rank.R6;
}

type RankOf<N> = N extends keyof Ranks ? Ranks[N] : Rank;

type Plain<P> =
  P extends Tensor<infer R extends Rank>
    ? Tensor<R>
    : P extends Float64Array
      ? Tensor1D
      : P extends Float64Tensor
        ? Tensor<RankOf<P['shape']['length']>>
        : never;

/** `S` as `f` gets it, in tensors: variables are plain tensors by then. */
export type StateOf<S> = S extends Tensor | Float64Part
  ? Plain<S>
  : { -readonly [K in keyof S]: Plain<S[K]> };

/** The slope of a state `S`, in tensors. */
export type SlopeOf<S> = Each<S, Tensor, Tensor>;

/** Something of the structure of `S`, of any shape: trajectories and gradients. */
export type LikeState<S> = Each<S, Tensor, Float64Tensor>;

/** Derivatives of a loss with respect to the trajectories of `S`. A bare array has their shape. */
export type CotangentOf<S> = Each<S, Tensor, Float64Part>;

/** What gradients are made of that are no states: tensors, or doubles where the state `S` is. */
export type PartOf<S> = S extends Of<Float64Part> ? Float64Tensor : Tensor;

/** What is used of a tf.layers model or layer: applied to a state, it gives the slope. */
export interface Model {
  apply(inputs: Tensor): unknown;
  /** Not used, but functions have an `apply` too. */
  readonly trainableWeights: readonly unknown[];
}

/**
 * The option `args` as `f` gets it: tensors for numbers and for arrays of doubles, in lists and records of any depth. Anything else
 * is as it was.
 */
export type ArgsOf<A> = A extends Tensor
  ? A
  : A extends number
    ? Scalar
    : A extends Float64Part
      ? Plain<A>
      : A extends readonly unknown[] | Readonly<Record<string, unknown>>
        ? { -readonly [K in keyof A]: ArgsOf<A[K]> }
        : A;

/** The gradient to `args`, of their structure: undefined for what is no number, tensor of floats or array of doubles. */
export type ArgGradients<A, P> = A extends Tensor | number | Float64Part
  ? P
  : A extends readonly unknown[] | Readonly<Record<string, unknown>>
    ? { readonly [K in keyof A]: ArgGradients<A[K], P> }
    : undefined;

/**
 * dy/dt = f(t, y, args): `t` is a float32 scalar; `f` returns tensors with the structure and shapes of `y`. It may leave `args` out.
 */
export type VectorFieldFunction<S, A = undefined> = (t: Scalar, y: StateOf<S>, args: ArgsOf<A>) => SlopeOf<S>;
