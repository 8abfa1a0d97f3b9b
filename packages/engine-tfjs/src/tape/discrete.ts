import { Variable, type Tensor } from '@tensorflow/tfjs-core';

/** Whole numbers and truth values: what depends on a state through them jumps, and has the derivative 0 between the jumps. */
export const isDiscrete = ({ dtype }: Pick<Tensor, 'dtype'>): boolean =>
  dtype === 'bool' || dtype === 'int32';

/** Whether a tensor is a variable that gets a gradient: trainable, and not of whole numbers. */
export const hasDerivative = (x: Tensor): boolean => x instanceof Variable && x.trainable && !isDiscrete(x);
