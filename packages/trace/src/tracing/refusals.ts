import { EngineError } from '@odegrad/core';
import type { DataType, Tensor } from '@tensorflow/tfjs-core';

import type { TensorType } from '../ir/program.ts';

const remedy = "Run it on TensorFlow.js itself with engine: 'tfjs', or leave that out of f.";

/** An error that says what cannot be recorded, and what to do. */
export function unrecordable(what: string): EngineError {
  return new EngineError(`f cannot be recorded: ${what}. ${remedy}`);
}

export const readsValues =
  'it reads the values of a tensor that depends on t, y or a variable (dataSync, arraySync, data or print)';

export const isElementType = (dtype: DataType): dtype is TensorType =>
  dtype === 'float32' || dtype === 'int32' || dtype === 'bool';

/** Whether a tensor is of a type that programs know. */
export const hasElements = ({ dtype }: Tensor): boolean => isElementType(dtype);

/** @throws {EngineError} for a type that programs do not know. */
export function elementType(dtype: DataType, what: string): TensorType {
  if (isElementType(dtype)) return dtype;
  throw unrecordable(`${what} works on values of type ${dtype}`);
}
