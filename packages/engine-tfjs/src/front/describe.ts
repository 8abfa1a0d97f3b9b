import { describe as inWords } from '@odegrad/core';
import { Tensor } from '@tensorflow/tfjs-core';

/** A value in words, for messages. */
export function describe(value: unknown): string {
  if (value instanceof Tensor) return 'a tensor';
  return isForeignTensor(value) ? 'a tensor of another copy of @tensorflow/tfjs-core' : inWords(value);
}

function isForeignTensor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'dataId' in value && 'dtype' in value && 'shape' in value && 'dataSync' in value;
}
