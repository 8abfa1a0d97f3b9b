import { backend_util, reshape, sum, zeros, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';

/** The pullback of an operation: the cotangent of each input, by its name, made when it is asked for. */
export type Cotangents = Record<string, () => Tensor>;

/** An operation whose gradient is taken, as TensorFlow.js recorded it. */
export interface Recorded {
  /** The cotangent of its output; of the first one where there are several. */
  readonly dy: Tensor;
  /** The cotangents of all outputs. */
  readonly dys: readonly Tensor[];
  /** What TensorFlow.js saves for the gradient that it has registered. */
  readonly saved: readonly Tensor[];
  readonly attributes: unknown;
  /** Their shapes and types; their values may be gone. */
  readonly inputs: NamedTensorMap;
  /** What TensorFlow.js makes of it, or would of other attributes. */
  registered(attributes?: unknown): Cotangents;
}

/** A gradient in place of one that TensorFlow.js 4.22 has wrong, or refuses, for some shapes or settings. */
export interface Correction {
  /** What is wrong with the registered one. */
  readonly why: string;
  gradient(recorded: Recorded): Cotangents;
}

/** Adds up what was broadcast from `shape`. */
export function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  const axes = backend_util.getReductionAxes([...shape], x.shape);
  return reshape(axes.length > 0 ? sum(x, axes) : x, [...shape]);
}

/** No derivative at all. */
export const zerosOf = (inputs: NamedTensorMap): Cotangents =>
  Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, () => zeros(shape)]));
