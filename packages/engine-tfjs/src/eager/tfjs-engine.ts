import { clone, keep, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import type { FieldEngine } from './field-engine.ts';
import { vectorField } from './field.ts';

/**
 * For engines on the kernels of TensorFlow.js.
 *
 * @throws {ArgumentError} in the name of `engine`, unless `dtype` is the precision that those have.
 */
export function requireFloat32(engine: string, dtype: 'float32' | 'float64'): void {
  if (dtype === 'float32') return;
  throw new ArgumentError(
    `Engine '${engine}' computes in float32, because TensorFlow.js has no other precision; \`dtype\` is '${dtype}', as it is ` +
      `for a y0 in doubles. Leave it out and give tensors, or take \`engine: 'onnx'\` of @odegrad/engine-onnx.`,
  );
}

/** Runs vector fields eagerly on whatever backend TensorFlow.js is on. Float32 only. */
export const tfjsEngine: FieldEngine<Tensor> = {
  name: 'tfjs',
  prepare(request) {
    requireFloat32('tfjs', request.dtype);
    return {
      field: vectorField(request),
      fromTensor: (x) => keep(clone(x)),
      toTensor: (x) => clone(x),
    };
  },
};
