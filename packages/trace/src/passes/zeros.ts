import { edit } from '../ir/editor.ts';
import { linearity } from '../ir/kernels.ts';
import { sameShape, sizeOf, type Instruction, type Program } from '../ir/program.ts';
import { verified } from '../ir/verify.ts';
import { simplify } from './simplify.ts';

/** Kernels that add their operands, or take one from the other. */
const sums = ['Add', 'AddN', 'Sub'];

/**
 * The same program for inputs that are zero, without the inputs and without what is zero on their account. Outputs that
 * are zero are left out. A product with zero is zero, whatever the other factor.
 *
 *     Add(x, Multiply(zero, y))  →  x
 */
export function withZeros(program: Program, isZero: (input: string) => boolean): Program {
  const editor = edit(program);
  const { shape } = editor;
  const zero = new Set(program.inputs.filter(({ name }) => isZero(name)).map(({ value }) => value));
  const isNothing = (value: number): boolean =>
    zero.has(value) || (program.constants.get(value)?.every((x) => x === 0) ?? false);

  const vanishes = (instruction: Instruction): boolean => {
    const linear = linearity(instruction);
    return linear === 'jointly'
      ? instruction.inputs.every(({ value }) => isNothing(value))
      : instruction.inputs.some(({ name, value }) => (linear?.includes(name) ?? false) && zero.has(value));
  };
  /** Writes a sum of which some summands are zero as what is left of it; not where that is smaller than the sum. */
  const sumsRest = ({ kernel, inputs, outputs }: Instruction): boolean => {
    const rest = inputs.filter(({ value }) => !isNothing(value));
    const [first] = rest;
    const output = outputs[0]!;
    if (!first || !sums.includes(kernel)) return false;
    if (rest.length > 1) {
      editor.call(kernel, Object.fromEntries(rest.map(({ value }, i) => [i, value])), { output });
      return true;
    }
    if (!sameShape(shape(first.value), shape(output))) return false;
    if (kernel === 'Sub' && first.name === 'b') editor.call('Neg', { x: first.value }, { output });
    else editor.view(first.value, { output });
    return true;
  };
  const written = (value: number): number =>
    zero.has(value) ? editor.constant(new Float32Array(sizeOf(shape(value))), shape(value)) : value;

  for (const instruction of program.instructions) {
    if (!instruction.inputs.some(({ value }) => zero.has(value))) editor.keep(instruction);
    else if (vanishes(instruction)) instruction.outputs.forEach((output) => zero.add(output));
    else if (!sumsRest(instruction)) {
      const inputs = instruction.inputs.map(({ name, value }) => ({ name, value: written(value) }));
      editor.keep({ ...instruction, inputs });
    }
  }
  const outputs = program.outputs.filter(({ value }) => !zero.has(value));
  return verified(simplify({ ...editor.finish(), outputs }), 'withZeros');
}
