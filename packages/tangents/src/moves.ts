import { Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import type { Move } from './directional.ts';

/**
 * The tensors in `value`, lists and records of any depth, that something of their structure says to move. What is left out does not
 * move; a tensor that is in there twice moves as its first place says.
 *
 * @throws {ArgumentError} for directions of something that is no tensor of floats, or of another shape.
 */
export function movesOf(value: unknown, directions: unknown, name: string): Move[] {
  const moves = new Map<Tensor, Tensor>();
  const read = (at: unknown, along: unknown, path: string): void => {
    if (along === undefined) return;
    if (isTensor(at) && isTensor(along)) {
      if (at.dtype !== 'float32' || String(at.shape) !== String(along.shape)) {
        throw new ArgumentError(
          `The direction of ${path} is of shape [${along.shape.join(', ')}], but ${path} is ${at.dtype} of shape ` +
            `[${at.shape.join(', ')}].`,
        );
      }
      if (!moves.has(at)) moves.set(at, along);
    } else if (isTree(at) && isTree(along)) {
      for (const key of Object.keys(along)) read(at[key], along[key], `${path}.${key}`);
    } else {
      throw new ArgumentError(`The direction has ${path}, where there is nothing that moves.`);
    }
  };
  read(value, directions, name);
  return [...moves];
}

// As `instanceof` makes a Tensor<any> of what is unknown.
const isTensor = (x: unknown): x is Tensor => x instanceof Tensor;
const isTree = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === 'object' && x !== null && !isTensor(x);
