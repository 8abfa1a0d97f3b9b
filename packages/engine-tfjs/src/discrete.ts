import { zeros, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { TapeNode } from './internals.ts';

/** Whole numbers and truth values: what depends on a state through them jumps, and has the derivative 0 between the jumps. */
const isDiscrete = ({ dtype }: Pick<Tensor, 'dtype'>): boolean => dtype === 'bool' || dtype === 'int32';

/** Whether a variable gets a gradient: it is trainable, and not of whole numbers. */
export const hasDerivative = (variable: Variable): boolean => variable.trainable && !isDiscrete(variable);

/**
 * Gives a recorded operation the derivative 0 with respect to its discrete inputs, and to all inputs where its outputs are
 * discrete. TensorFlow.js passes cotangents through a cast to whole numbers unchanged, has indices for the gradient of indices,
 * and throws at a comparison.
 */
export function cutDiscrete(node: TapeNode): void {
  const { inputs, outputs, gradient } = node;
  // Almost all operations are on floating-point numbers alone.
  if (!outputs.some(isDiscrete) && !Object.values(inputs).some(isDiscrete)) return;
  const all = outputs.every(isDiscrete);
  // Indices that come with values, as of a sort, which has no gradient.
  if (!all && !gradient && outputs.length > 1)
    Object.assign(node, { outputs: outputs.filter((x) => !isDiscrete(x)) });
  const names = Object.keys(inputs);
  const cut = all ? names : names.filter((name) => isDiscrete(inputs[name]!));
  const zerosOfCut = (): Record<string, () => Tensor> =>
    Object.fromEntries(cut.map((name) => [name, () => zeros(inputs[name]!.shape)]));
  // Where all are cut, nothing needs the operation's own gradient, which it may not have.
  if (cut.length === names.length) Object.assign(node, { gradient: zerosOfCut });
  else if (gradient) {
    const pulled: TapeNode['gradient'] = (cotangents) => ({ ...gradient(cotangents), ...zerosOfCut() });
    Object.assign(node, { gradient: pulled });
  }
}
