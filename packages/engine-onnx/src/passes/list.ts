import { biasesInProducts } from './biases.ts';
import { flatten } from '@odegrad/trace';
import { regroup } from '@odegrad/trace';
import type { Program } from '@odegrad/trace';

/**
 * The same program with fewer calls and fewer passes over memory, which is what counts in ONNX Runtime. Values agree to
 * rounding.
 */
export function rewriteForOnnx(program: Program): Program {
  return regroup(biasesInProducts(flatten(program)));
}
