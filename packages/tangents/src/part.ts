import { dispose, Tensor, zeros } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import type { Float64Part } from '@odegrad/engine-tfjs';

/** A part of a state: a tensor, or in doubles. */
export type Part = Tensor | Float64Part;

export const shapeOf = (part: Part): readonly number[] =>
  part instanceof Float64Array ? [part.length] : part.shape;

/**
 * A part that is to be of that shape; a bare array of so many numbers is.
 *
 * @throws {ArgumentError} unless it is.
 */
export function likeShape(value: unknown, shape: readonly number[], name: string): Part {
  if (value instanceof Float64Array && value.length === sizeOf(shape)) return { shape, data: value };
  const part = value as Partial<Exclude<Part, Float64Array>> | undefined | null;
  if (Array.isArray(part?.shape) && String(part.shape) === String(shape)) return value as Part;
  throw new ArgumentError(
    `${name} must be of shape [${shape.join(', ')}], as what it is the direction of` +
      (Array.isArray(part?.shape) ? `, not [${part.shape.join(', ')}].` : '.'),
  );
}

/** Zeros of the kind and shape of a part. Where they are a tensor, the caller's. */
export function zeroLike(part: Part): Part {
  const shape = shapeOf(part);
  return part instanceof Tensor ? zeros([...shape]) : { shape, data: new Float64Array(sizeOf(shape)) };
}

/** Frees the tensors of a list, which may be in lists and records; in doubles there is nothing to free. */
export function disposeTensors(parts: unknown): void {
  if (parts instanceof Tensor) dispose(parts);
  else if (typeof parts === 'object' && parts !== null && !ArrayBuffer.isView(parts))
    Object.values(parts).forEach(disposeTensors);
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);
