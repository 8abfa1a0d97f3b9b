import { transposesOf } from './attributes.ts';
import { kernelOf } from './kernels.ts';
import { operandOf, sizeOf, type Instruction, type Program } from './program.ts';

/** Floating-point operations of the costliest instruction: threads share the work within one. */
export function largestOperation(program: Program): number {
  return program.instructions.reduce((most, instruction) => Math.max(most, cost(instruction, program)), 0);
}

/** Floating-point operations of one run, roughly. */
export function operations(program: Program): number {
  return program.instructions.reduce((sum, instruction) => sum + cost(instruction, program), 0);
}

/** Multiplications of a matrix product. */
export function multiplications(product: Instruction, shape: (value: number) => readonly number[]): number {
  const left = shape(operandOf(product, 'a'));
  return sizeOf(shape(product.outputs[0]!)) * left.at(transposesOf(product.attrs).a ? -2 : -1)!;
}

function cost(instruction: Instruction, program: Program): number {
  const { kernel, inputs, outputs } = instruction;
  const shape = (value: number): readonly number[] => program.values[value]!.shape;
  const size = sizeOf(shape(outputs[0]!));
  const operand = (name: string): readonly number[] => shape(operandOf(instruction, name));
  switch (kernel) {
    case 'BatchMatMul':
    case '_FusedMatMul':
      return 2 * multiplications(instruction, shape);
    case 'Conv2D':
    case 'FusedConv2D':
      return 2 * size * sizeOf(operand('filter').slice(0, 3));
    case 'Conv2DBackpropFilter':
      return (2 * size * sizeOf(operand('dy'))) / operand('dy').at(-1)!;
    case 'Conv2DBackpropInput':
      return 2 * sizeOf(operand('dy')) * sizeOf(operand('filter').slice(0, 3));
    default: {
      const each = kernelOf(kernel).cost;
      return each === undefined
        ? Math.max(size, ...inputs.map(({ value }) => sizeOf(shape(value))))
        : each * size;
    }
  }
}
