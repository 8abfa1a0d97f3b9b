import { edit } from '../ir/editor.ts';
import type { Attributes, Program } from '../ir/program.ts';
import { simplify } from './simplify.ts';

const products = new Set(['BatchMatMul', '_FusedMatMul']);

/**
 * The same program with products of single matrices and sums of them in two dimensions. Layers of TensorFlow.js make
 * each a batch of one, with a view before and after it; without these views more is merged, and calls are fewer.
 * For ONNX only: TensorFlow.js' own kernels want the batch.
 */
export function flatten(program: Program): Program {
  const editor = edit(program);
  const { shape, view } = editor;
  /** A call with a result that is viewed in its old shape. */
  const inner = (
    kernel: string,
    operands: Readonly<Record<string, number>>,
    result: readonly number[],
    attrs: Attributes,
    output: number,
  ): void => {
    view(editor.call(kernel, operands, { shape: result }, attrs), { output });
  };

  for (const instruction of program.instructions) {
    const { kernel, inputs, outputs, attrs } = instruction;
    const output = outputs[0]!;
    const result = shape(output);
    if (
      products.has(kernel) &&
      isSingle(result) &&
      inputs.slice(0, 2).every(({ value }) => isSingle(shape(value)))
    ) {
      const matrices = inputs.map(
        ({ name, value }, i) =>
          [name, i < 2 ? view(value, { shape: shape(value).slice(-2) }) : value] as const,
      );
      inner(kernel, Object.fromEntries(matrices), result.slice(-2), attrs, output);
      continue;
    }
    if (kernel === 'BatchMatMul' && result.length === 2 && isOnes(program, inputs[0]!.value, result[0]!)) {
      // A column of ones times a row is that row, repeated; whoever reads it broadcasts as well.
      const row = view(inputs[1]!.value, { shape: [1, result[1]!] });
      editor.call('Multiply', { a: inputs[0]!.value, b: row }, { output });
      continue;
    }
    if (
      kernel === 'BatchMatMul' &&
      attrs['transposeA'] === true &&
      attrs['transposeB'] !== true &&
      isOnes(program, inputs[1]!.value, shape(inputs[0]!.value)[0]!)
    ) {
      // Its transpose times a column of ones is a matrix's sum over rows.
      inner('Sum', { x: inputs[0]!.value }, [result[0]!], { axis: [0], keepDims: false }, output);
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
      const x = view(inputs[0]!.value, { shape: whole.slice(1) });
      inner(kernel, { [inputs[0]!.name]: x }, result, { ...attrs, axis: rest }, output);
      continue;
    }
    editor.keep(instruction);
  }
  return simplify(editor.finish());
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
