import { Tensor } from '@tensorflow/tfjs-core';
import type { OdeOptions } from './options.ts';

/** Times that steps end on besides those of outputs. */
export interface Stops {
  readonly stepTo: readonly number[];
  readonly jumpAt: readonly number[];
  /** Where the jumps came as a tensor: that tensor. */
  readonly jumpsTensor: Tensor | undefined;
}

/** Whether a value is a list of finite times. */
export function isTimes(value: unknown): boolean {
  if (value instanceof Tensor)
    return (
      !value.isDisposed && value.rank === 1 && value.dtype === 'float32' && isTimes([...value.dataSync()])
    );
  return Array.isArray(value) && value.every(Number.isFinite);
}

export function stopsOf({ stepTo = [], jumpAt = [] }: Pick<OdeOptions, 'stepTo' | 'jumpAt'>): Stops {
  const isTensor = jumpAt instanceof Tensor;
  return {
    stepTo: [...stepTo],
    jumpAt: isTensor ? [...jumpAt.dataSync()] : [...jumpAt],
    jumpsTensor: isTensor ? jumpAt : undefined,
  };
}
