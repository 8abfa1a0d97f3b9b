import { concat, reshape, slice, tidy, type Tensor } from '@tensorflow/tfjs-core';
import { sizeOf, type Shape } from '../tape/shape.ts';

/** What an operation on the tape, which has one output, gives: several tensors as one vector. A single one is itself. */
export interface Packed {
  readonly packed: Tensor;
  readonly shapes: readonly Shape[];
}

export function packedOf(make: () => readonly Tensor[]): Packed {
  let shapes: readonly Shape[] = [];
  const packed = tidy(() => {
    const results = make();
    shapes = results.map(({ shape }) => shape);
    return results.length === 1 ? results[0]! : concat(results.map((x) => reshape(x, [-1])));
  });
  return { packed, shapes };
}

export function unpack(packed: Tensor, shapes: readonly Shape[]): Tensor[] {
  if (shapes.length === 1) return [packed];
  let offset = 0;
  return shapes.map((shape) => {
    const length = sizeOf(shape);
    const part = reshape(slice(packed, [offset], [length]), [...shape]);
    offset += length;
    return part;
  });
}
