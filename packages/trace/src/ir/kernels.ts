import { arrayKernels } from './array-kernels.ts';
import { elementwiseKernels } from './elementwise-kernels.ts';
import type { Kernel, Kernels, Linear } from './kernel.ts';
import type { Instruction } from './program.ts';
import type { Inputs, ResultType } from './result-rules.ts';
import type { Attributes } from './program.ts';

/** The one table of kernels. A backend of TensorFlow.js may have more; of those nothing is known. */
export const kernels: Kernels = { ...elementwiseKernels, ...arrayKernels };

const unknown: Partial<Kernel> = {};

/** What is known of a kernel. */
export function kernelOf(name: string): Partial<Kernel> {
  return kernels[name] ?? unknown;
}

/** In what an instruction is linear. */
export function linearity({ kernel, attrs }: Pick<Instruction, 'kernel' | 'attrs'>): Linear | undefined {
  const { linear } = kernelOf(kernel);
  return typeof linear === 'function' ? linear(attrs) : linear;
}

/** Results of a kernel, in order; undefined where only a backend can tell. */
export function resultTypes(
  kernel: string,
  inputs: Inputs,
  attrs: Attributes,
): readonly ResultType[] | undefined {
  const result = kernelOf(kernel).result?.(inputs, attrs);
  return result === undefined || Array.isArray(result)
    ? (result as readonly ResultType[] | undefined)
    : [result as ResultType];
}
