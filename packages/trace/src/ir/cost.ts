import { sizeOf, type Instruction, type Program } from './program.ts';

/** Floating-point operations of the costliest instruction: threads share the work within one. */
export function largestOperation(program: Program): number {
  return program.instructions.reduce((most, instruction) => Math.max(most, cost(instruction, program)), 0);
}

/** Floating-point operations of one run, roughly. */
export function operations(program: Program): number {
  return program.instructions.reduce((sum, instruction) => sum + cost(instruction, program), 0);
}

/** Multiplications of a matrix product. */
export function multiplications(
  { attrs, inputs, outputs }: Instruction,
  shape: (value: number) => readonly number[],
): number {
  const left = shape(inputs.find(({ name }) => name === 'a')!.value);
  return sizeOf(shape(outputs[0]!)) * left.at(attrs['transposeA'] === true ? -2 : -1)!;
}

/** What an elementary function of one entry costs, in multiplications. */
const FUNCTION = 10;
const functions = new Set(
  'Tanh Sigmoid Exp Log Softplus Elu Selu Erf Sin Cos Tan Pow Expm1 Log1p Softmax LogSoftmax'.split(' '),
);

function cost(instruction: Instruction, program: Program): number {
  const { kernel, inputs, outputs } = instruction;
  const shape = (value: number): readonly number[] => program.values[value]!.shape;
  const size = sizeOf(shape(outputs[0]!));
  const operand = (name: string): readonly number[] =>
    shape(inputs.find((input) => input.name === name)!.value);
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
    case 'Reshape':
      return 0;
    default:
      return functions.has(kernel)
        ? FUNCTION * size
        : Math.max(size, ...inputs.map(({ value }) => sizeOf(shape(value))));
  }
}
