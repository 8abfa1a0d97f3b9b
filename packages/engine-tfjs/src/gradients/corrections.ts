import { EluGrad, engine, mul, neg, step } from '@tensorflow/tfjs-core';
import { broadcasting } from './broadcasting.ts';
import { composed } from './composed.ts';
import { zerosOf, type Correction } from './correction.ts';
import { separable } from './separable.ts';
import { shapes } from './shapes.ts';
import { windows } from './windows.ts';

/** Every registered gradient of TensorFlow.js 4.22 that is replaced, by the name of its kernel. */
export const ofKernels: Readonly<Record<string, Correction>> = {
  ...broadcasting,
  ...separable,
  ...shapes,
  ...windows,
  FloorDiv: {
    why: 'It jumps and is constant elsewhere, but has the gradient of a division.',
    gradient: ({ inputs }) => zerosOf(inputs),
  },
};

/** Every gradient written out in a function that is replaced, by the name of the function's scope. */
export const ofFunctions: Readonly<Record<string, Correction>> = composed;

/** Gradients that TensorFlow.js does not have, with the inputs to save for them. */
export const missing: Readonly<Record<string, Correction & { readonly saves: readonly string[] }>> = {
  EluGrad: {
    why: 'The derivative of elu has none, so that elu has no second one.',
    saves: ['dy', 'y'],
    // elu′(x) in terms of y = elu(x): 1 where y ≥ 0, y + 1 elsewhere.
    gradient: ({ dy: cotangent, saved: [dy, y] }) => ({
      dy: () => engine().runKernel(EluGrad, { dy: cotangent, y: y! }),
      y: () => mul(mul(cotangent, dy!), step(neg(y!))),
    }),
  },
};
