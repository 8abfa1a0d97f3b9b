import type { EngineProvider, VectorField } from '@odegrad/core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';

/** A vector field on the flat list of the state's tensors; t is a float32 scalar. */
export type FlatField = (t: Scalar, y: readonly Tensor[]) => readonly Tensor[];

/** What an engine is given to prepare a vector field. */
export interface FieldRequest {
  readonly f: FlatField;
  /** The function as the user wrote it: what caches are keyed by. */
  readonly key: object;
  readonly t0: number;
  /** The state to start from; where it is in doubles, rounded. Lent until `prepare` returns. */
  readonly y0: readonly Tensor[];
  /** What gradients are taken for: variables, and captured tensors. Others that f reads are constants. */
  readonly parameters: readonly Tensor[];
  /** What `findReads` of the engine, or an eager evaluation, found f to read; the same list. */
  readonly reads?: readonly Tensor[];
  /**
   * Whether the gradient of a variable or captured tensor would be lost if f read it and it were no parameter. An engine that
   * sees f read one refuses.
   */
  readonly isMissed?: (x: Tensor) => boolean;
  /**
   * Runs `body` while what f reads has the values that it had when the solve began. An engine that calls f after `prepare`, or
   * reads variables then, does so within.
   */
  readonly within?: <T>(body: () => T) => T;
  /** With float64: captured tensors that stand for doubles, which they hold rounded and are to be taken from here. */
  readonly exact?: ReadonlyMap<Tensor, Float64Array>;
  /** Precision that is asked for; an engine without it throws. */
  readonly dtype: 'float32' | 'float64';
}

/** A vector field of one engine, with the ways in and out of it. `A` is the engine's array. */
export interface PreparedField<A> {
  readonly field: VectorField<A>;
  /** The engine that runs it, where another was asked for and chose this one. */
  readonly ranOn?: string;
  /** A new array with the tensor's values; the tensor stays the caller's. */
  fromTensor(x: Tensor): A;
  /** A new tensor with the array's values; the array stays as it is. */
  toTensor(x: A): Tensor;
  /** A new array with those values. An engine with float64 has this way in, and `toArray` out. */
  fromArray?(values: Float64Array, shape: readonly number[]): A;
  /** A new Float64Array with the array's values; the array stays as it is. */
  toArray?(x: A): Float64Array;
}

/**
 * An engine that runs vector fields written on TensorFlow.js: what `odeint` asks for by name, and what an
 * engine package registers.
 */
export interface FieldEngine<A> extends EngineProvider {
  prepare(request: FieldRequest): PreparedField<A>;
  /**
   * The variables and captured tensors that f reads, in the order of their first use, from an engine that can tell without
   * computing f. Where it cannot, f is run once, eagerly, to see. `prepare` gets the same list as its `reads`.
   */
  findReads?(request: Pick<FieldRequest, 'f' | 't0' | 'y0' | 'dtype'>): readonly Tensor[] | undefined;
}
