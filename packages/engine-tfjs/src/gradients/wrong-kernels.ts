import { EngineError } from '@odegrad/core';
import { getBackend } from '@tensorflow/tfjs-core';

/** Kernels of gradients that a backend of TensorFlow.js 4.22 has and computes wrongly, for a batch or for channels say. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  wasm: ['Conv3DBackpropInputV2', 'Dilation2DBackpropFilter', 'Dilation2DBackpropInput', 'MaxPoolGrad'],
};

/** Kernels of the gradient of an operation. */
const USED: Readonly<Record<string, readonly string[]>> = {
  Conv3D: ['Conv3DBackpropInputV2'],
  Dilation2D: ['Dilation2DBackpropFilter', 'Dilation2DBackpropInput'],
  MaxPool: ['MaxPoolGrad'],
  MaxPool3D: ['MaxPoolGrad'],
};

/** @throws {EngineError} if the backend computes the kernel wrongly. */
export function checkKernel(kernel: string, backend: string): void {
  if (!WRONG[backend]?.includes(kernel)) return;
  throw new EngineError(
    `Backend ${backend} of TensorFlow.js computes ${kernel} wrongly, a part of the gradient of f. Take another with ` +
      'tf.setBackend, as cpu.',
  );
}

/** @throws {EngineError} if the backend that is set computes a kernel wrongly that the gradient of the operation runs. */
export function checkGradient(operation: string): void {
  for (const kernel of USED[operation] ?? []) checkKernel(kernel, getBackend());
}

/** Whether `checkGradient` has something to check. */
export const hasChecks = (operation: string): boolean => Object.hasOwn(USED, operation);
