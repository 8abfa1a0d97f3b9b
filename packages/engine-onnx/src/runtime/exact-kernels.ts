import { EngineError } from '@odegrad/core';
import { exactKernels, type ExactKernel } from '@odegrad/trace';

import { EXACT_MODELS } from '../tuning.ts';
import { release, wrap } from '@odegrad/trace';
import { type Runtime } from './runtime.ts';
import { compileProgram, type Model } from './compile.ts';

/** Computes single kernels in doubles on ONNX Runtime, for what f makes of its own numbers before any of it meets t or y. */
export function onnxKernels(runtime: Runtime): ExactKernel {
  return exactKernels(({ program }) => {
    let model: Model;
    try {
      model = compileProgram(program, runtime);
    } catch (error) {
      // Rounded to float32, as TensorFlow.js computes it, is what remains then.
      if (error instanceof EngineError) return undefined;
      throw error;
    }
    return {
      run(operands) {
        operands.forEach(({ shape, dtype, data }, i) => {
          const type = dtype === 'float32' ? runtime.float : dtype;
          model.feeds[`in${i}`] = wrap(
            runtime.pool.kind(shape, type),
            dtype === 'float32' ? Float64Array.from(data) : data,
          );
        });
        const results = Object.entries(model.run());
        const values = results.map(([, { data }]) =>
          data instanceof Float64Array ? Float64Array.from(data) : undefined,
        );
        for (const [, array] of results) release(array);
        return values;
      },
      release: () => {
        model.release();
      },
    };
  }, EXACT_MODELS);
}
