import type { Attributes, Instruction, Operand, Program, Value } from './program.ts';
import { simplify } from './simplify.ts';

const products = new Set(['BatchMatMul', '_FusedMatMul']);

/**
 * The same program with products of single matrices and sums of them in two dimensions. Layers of TensorFlow.js make
 * each a batch of one, with a view before and after it; without these views more is merged, and calls are fewer.
 * For ONNX only: TensorFlow.js' own kernels want the batch.
 */
export function flatten(program: Program): Program {
  const values: Value[] = [...program.values];
  const instructions: Instruction[] = [];
  const shape = (value: number): readonly number[] => values[value]!.shape;

  const view = (x: number, to: readonly number[], output?: number): number => {
    const result = output ?? values.push({ shape: to, dtype: values[x]!.dtype }) - 1;
    instructions.push({
      kernel: 'Reshape',
      attrs: { shape: [...to] },
      inputs: [{ name: 'x', value: x }],
      outputs: [result],
    });
    return result;
  };
  /** The instruction with other operands, and a result that is viewed in its old shape. */
  const inner = (
    instruction: Instruction,
    inputs: readonly Operand[],
    result: readonly number[],
    attrs: Attributes = instruction.attrs,
  ): void => {
    const output = instruction.outputs[0]!;
    const flat = values.push({ shape: result, dtype: values[output]!.dtype }) - 1;
    instructions.push({ ...instruction, attrs, inputs, outputs: [flat] });
    view(flat, shape(output), output);
  };

  for (const instruction of program.instructions) {
    const { kernel, inputs, outputs, attrs } = instruction;
    const result = shape(outputs[0]!);
    if (
      products.has(kernel) &&
      isSingle(result) &&
      inputs.slice(0, 2).every(({ value }) => isSingle(shape(value)))
    ) {
      const matrices = inputs.map(({ name, value }, i) =>
        i < 2 ? { name, value: view(value, shape(value).slice(-2)) } : { name, value },
      );
      inner(instruction, matrices, result.slice(-2));
      continue;
    }
    if (kernel === 'BatchMatMul' && result.length === 2 && isOnes(program, inputs[0]!.value, result[0]!)) {
      // A column of ones times a row is that row, repeated; whoever reads it broadcasts as well.
      const row = view(inputs[1]!.value, [1, result[1]!]);
      instructions.push({
        kernel: 'Multiply',
        attrs: {},
        inputs: [inputs[0]!, { name: 'b', value: row }],
        outputs,
      });
      continue;
    }
    if (
      kernel === 'BatchMatMul' &&
      attrs['transposeA'] === true &&
      attrs['transposeB'] !== true &&
      isOnes(program, inputs[1]!.value, shape(inputs[0]!.value)[0]!)
    ) {
      // Its transpose times a column of ones is a matrix's sum over rows.
      const x = { name: 'x', value: inputs[0]!.value };
      inner({ kernel: 'Sum', attrs: { axis: [0], keepDims: false }, inputs, outputs }, [x], [result[0]!]);
      continue;
    }
    const whole = kernel === 'Sum' ? shape(inputs[0]!.value) : [];
    const axes = ([attrs['axis'] ?? []].flat() as number[]).map(
      (axis) => (axis + whole.length) % whole.length,
    );
    if (
      whole[0] === 1 &&
      axes.includes(0) &&
      axes.length > 1 &&
      result.length === whole.length - axes.length
    ) {
      const rest = axes.filter((axis) => axis > 0).map((axis) => axis - 1);
      const x = { name: inputs[0]!.name, value: view(inputs[0]!.value, whole.slice(1)) };
      inner(instruction, [x], result, { ...attrs, axis: rest });
      continue;
    }
    instructions.push(instruction);
  }
  return simplify({ ...program, values, instructions });
}

/** Whether a value is a constant column of so many ones. */
function isOnes({ values, constants }: Program, value: number, rows: number): boolean {
  const { shape } = values[value]!;
  return (
    shape.length === 2 && shape[0] === rows && shape[1] === 1 && !!constants.get(value)?.every((x) => x === 1)
  );
}

/** Whether an array is one matrix in a batch. */
function isSingle(shape: readonly number[]): boolean {
  return shape.length > 2 && shape.slice(0, -2).every((extent) => extent === 1);
}
