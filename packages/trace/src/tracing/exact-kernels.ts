import { createBuilder } from '../ir/builder.ts';
import { resultTypes } from '../ir/kernels.ts';
import type { Attributes, Program } from '../ir/program.ts';
import type { ExactKernel, KnownOperand } from './numbers.ts';

/** A program of one kernel: its operands are the inputs `in0`, `in1`, …, its results the outputs `r0`, `r1`, … */
interface Single {
  readonly program: Program;
  readonly shapes: readonly (readonly number[])[];
  /** Whether its results are floats. */
  readonly isFloat: boolean;
}

/** The code of a kernel. */
interface KernelCode {
  run(operands: readonly KnownOperand[]): ReturnType<ExactKernel>;
  release?(): void;
}

/**
 * Kernels computed one by one, as `compile` has them run; it gives undefined where it has no code. Of so many the code is kept, then all is
 * let go.
 */
export function exactKernels(compile: (single: Single) => KernelCode | undefined, most: number): ExactKernel {
  const made = new Map<string, KernelCode | undefined>();
  return (kernel, attrs, operands) => {
    const key = JSON.stringify([
      kernel,
      attrs,
      operands.map(({ name, shape, dtype }) => [name, shape, dtype]),
    ]);
    if (!made.has(key)) {
      if (made.size >= most) {
        for (const one of made.values()) one?.release?.();
        made.clear();
      }
      const single = singleKernel(kernel, attrs, operands);
      made.set(key, single && compile(single));
    }
    return made.get(key)?.run(operands);
  };
}

/** Undefined where it is not known what the kernel gives, or it works on nothing. */
function singleKernel(
  kernel: string,
  attrs: Attributes,
  operands: readonly KnownOperand[],
): Single | undefined {
  if (operands.some(({ data }) => data.length === 0)) return undefined;
  const infos = Object.fromEntries(
    operands.map(({ name, shape, dtype }) => [name, { dataId: {}, shape: [...shape], dtype }]),
  );
  const types = resultTypes(kernel, infos, attrs);
  if (!types) return undefined;
  const builder = createBuilder();
  const inputs = Object.fromEntries(
    operands.map(({ name, shape, dtype }, i) => [name, builder.input(`in${i}`, shape, dtype)]),
  );
  const shapes = types.map(({ shape }) => shape);
  const outputs = builder.callAll(kernel, inputs, shapes, attrs, types[0]!.dtype);
  const program = builder.finish(outputs.map((value, i) => ({ name: `r${i}`, value })));
  return { program, shapes, isFloat: types[0]!.dtype === 'float32' };
}
