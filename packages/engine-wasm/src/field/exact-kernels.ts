import { EngineError } from '@odegrad/core';
import { exactKernels, sizeOf, type ExactKernel } from '@odegrad/trace';

import { UnsupportedError } from '../lower/unsupported.ts';
import { createArena } from '../runtime/arena.ts';
import { createModel, type Model } from './model.ts';
import { rewriteForWasm } from './rewrite.ts';

/** Models of single kernels that are kept. */
const KEPT = 64;

/** Computes single kernels in doubles, for what f makes of its own numbers before any of it meets t or y. */
export function wasmKernels(): ExactKernel {
  return exactKernels(({ program, shapes, isFloat }) => {
    let model: Model;
    try {
      const target = { float: 'float64', relaxed: false, arena: createArena() } as const;
      model = createModel(rewriteForWasm(program), target, undefined);
    } catch (error) {
      // Rounded to float32, as TensorFlow.js computes it, is what remains then.
      if (error instanceof UnsupportedError || error instanceof EngineError) return undefined;
      throw error;
    }
    return {
      run(operands) {
        const results = shapes.map((shape) => new Float64Array(sizeOf(shape)));
        model.run(
          { variables: {} },
          Object.fromEntries(operands.map(({ data }, i) => [`in${i}`, data])),
          Object.fromEntries(results.map((data, i) => [`r${i}`, data])),
        );
        return results.map((data) => (isFloat ? data : undefined));
      },
    };
  }, KEPT);
}
