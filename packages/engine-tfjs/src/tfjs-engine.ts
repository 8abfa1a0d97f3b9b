import { clone, keep, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import type { FieldEngine } from './field-engine.ts';
import { vectorField } from './field.ts';

/** Runs vector fields eagerly on whatever backend TensorFlow.js is on. Float32 only. */
export const tfjsEngine: FieldEngine<Tensor> = {
  name: 'tfjs',
  prepare(request) {
    const { dtype } = request;
    if (dtype !== 'float32') {
      throw new ArgumentError(
        `Engine 'tfjs' computes in float32, because TensorFlow.js has no other precision; \`dtype\` is '${dtype}'. ` +
          `Leave it out and give tensors, or take \`engine: 'onnx'\` of @odegrad/engine-onnx.`,
      );
    }
    return {
      field: vectorField(request),
      fromTensor: (x) => keep(clone(x)),
      toTensor: (x) => clone(x),
    };
  },
};
