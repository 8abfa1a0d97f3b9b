import { sameShape, sizeOf, type Instruction, type Program, type Value } from './program.ts';
import { simplify } from './simplify.ts';

/** Kernels that are zero where one of these operands is. */
const zeroWith: Readonly<Record<string, readonly string[]>> = {
  Multiply: ['a', 'b'],
  BatchMatMul: ['a', 'b'],
  RealDiv: ['a'],
  Conv2D: ['x', 'filter'],
  Conv2DBackpropInput: ['dy', 'filter'],
  Conv2DBackpropFilter: ['x', 'dy'],
  GatherV2: ['x'],
};
/** Kernels of one operand that are linear in it. */
const linear = new Set(
  'Reshape Transpose Neg Sum Mean Slice StridedSlice SplitV Tile BroadcastTo Reverse'.split(' '),
);

/**
 * The same program for inputs that are zero, without the inputs and without what is zero on their account. Outputs that
 * are zero are left out. A product with zero is zero, whatever the other factor.
 */
export function withZeros(program: Program, isZero: (input: string) => boolean): Program {
  const values: Value[] = [...program.values];
  const constants = new Map(program.constants);
  const instructions: Instruction[] = [];
  const zero = new Set(program.inputs.filter(({ name }) => isZero(name)).map(({ value }) => value));
  const shape = (value: number): readonly number[] => values[value]!.shape;
  const isNothing = (value: number): boolean =>
    zero.has(value) || (program.constants.get(value)?.every((x) => x === 0) ?? false);

  /** `operand` under the name of the result. */
  const same = (operand: number, outputs: readonly number[]): Instruction => ({
    kernel: 'Reshape',
    attrs: { shape: [...shape(operand)] },
    inputs: [{ name: 'x', value: operand }],
    outputs,
  });
  const vanishes = ({ kernel, attrs, inputs }: Instruction): boolean => {
    const factors = zeroWith[kernel];
    if (factors) return inputs.some(({ name, value }) => factors.includes(name) && zero.has(value));
    const all = inputs.every(({ value }) => isNothing(value));
    if (kernel === 'PadV2') return all && (attrs['constantValue'] ?? 0) === 0;
    return all && (linear.has(kernel) || ['Add', 'AddN', 'Sub', 'Concat'].includes(kernel));
  };
  /** What is left of a sum of which some summands are zero. */
  const remaining = (instruction: Instruction): Instruction => {
    const { kernel, inputs, outputs } = instruction;
    const rest = inputs.filter(({ value }) => !isNothing(value));
    const [first] = rest;
    const fits = first && sameShape(shape(first.value), shape(outputs[0]!));
    if (kernel === 'AddN' && rest.length > 1)
      return { ...instruction, inputs: rest.map(({ value }, i) => ({ name: String(i), value })) };
    if (!fits || rest.length > 1 || !['Add', 'AddN', 'Sub'].includes(kernel)) return instruction;
    if (kernel === 'Sub' && first.name === 'b')
      return { kernel: 'Neg', attrs: {}, inputs: [{ name: 'x', value: first.value }], outputs };
    return same(first.value, outputs);
  };
  const written = (value: number): number => {
    if (!zero.has(value)) return value;
    const constant = values.push(values[value]!) - 1;
    constants.set(constant, new Float32Array(sizeOf(shape(value))));
    return constant;
  };

  for (const instruction of program.instructions) {
    if (!instruction.inputs.some(({ value }) => zero.has(value))) instructions.push(instruction);
    else if (vanishes(instruction)) instruction.outputs.forEach((output) => zero.add(output));
    else {
      const left = remaining(instruction);
      instructions.push({
        ...left,
        inputs: left.inputs.map(({ name, value }) => ({ name, value: written(value) })),
      });
    }
  }
  return simplify({
    ...program,
    values,
    constants,
    instructions,
    outputs: program.outputs.filter(({ value }) => !zero.has(value)),
  });
}
