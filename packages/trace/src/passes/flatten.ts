import { axesOf, keepsDims, transposesOf } from '../ir/attributes.ts';
import { edit, type Editor } from '../ir/editor.ts';
import { kernelOf } from '../ir/kernels.ts';
import type { Instruction, Operand, Program } from '../ir/program.ts';
/**
 * Products of single matrices, and sums of them, in two dimensions. Layers of TensorFlow.js make each a batch of one, with a view
 * before and after it; without these views more is merged, and calls are fewer. For ONNX only: TensorFlow.js' own kernels want
 * the batch.
 *
 *     BatchMatMul(a: [1, n, k], b: [1, k, m])   →  Reshape(BatchMatMul(a: [n, k], b: [k, m]))
 *     BatchMatMul(ones: [n, 1], row)            →  Multiply(ones, row)
 *     BatchMatMul(xᵀ, ones: [n, 1])             →  Sum(x; axis 0)
 *     Sum(x: [1, n, m]; axes 0, 1)              →  Sum(x: [n, m]; axis 0)
 */
export function flatten(program: Program): Program {
  const editor = edit(program);
  const rewrites = [singleProduct, repeatedRow, sumByOnes, singleSum];
  for (const instruction of program.instructions) {
    if (!rewrites.some((rewrite) => rewrite(instruction, editor, program))) editor.keep(instruction);
  }
  return editor.finish();
}

/** Writes an instruction another way, if it is one of its kind. */
type Rewrite = (instruction: Instruction, editor: Editor, program: Program) => boolean;

const singleProduct: Rewrite = ({ kernel, inputs, outputs, attrs }, editor) => {
  const { shape, view } = editor;
  const [output] = outputs as [number];
  const result = shape(output);
  const [a, b, ...others] = inputs as [Operand, Operand, ...Operand[]];
  if (kernelOf(kernel).contracts !== 'matrices') return false;
  if (![result, shape(a.value), shape(b.value)].every(isSingle)) return false;
  const matrix = ({ name, value }: Operand): Operand => ({
    name,
    value: view(value, { shape: shape(value).slice(-2) }),
  });
  const operands = named([matrix(a), matrix(b), ...others]);
  view(editor.call(kernel, operands, { shape: result.slice(-2) }, attrs), { output });
  return true;
};

/** A column of ones times a row is that row, repeated; whoever reads it broadcasts as well. */
const repeatedRow: Rewrite = ({ kernel, inputs, outputs }, editor, program) => {
  const [output] = outputs as [number];
  const [rows, columns, ...more] = editor.shape(output);
  if (kernel !== 'BatchMatMul' || more.length > 0) return false;
  const [ones, row] = inputs as [Operand, Operand];
  if (!isOnes(program, ones.value, rows)) return false;
  const b = editor.view(row.value, { shape: [1, columns!] });
  editor.call('Multiply', { a: ones.value, b }, { output });
  return true;
};

/** A matrix's transpose times a column of ones is its sum over rows. */
const sumByOnes: Rewrite = ({ kernel, inputs, outputs, attrs }, editor, program) => {
  const [output] = outputs as [number];
  const [a, b] = inputs as [Operand, Operand];
  const across = transposesOf(attrs);
  if (kernel !== 'BatchMatMul' || !across.a || across.b) return false;
  if (!isOnes(program, b.value, editor.shape(a.value)[0])) return false;
  const sum = { axis: [0], keepDims: false };
  editor.view(editor.call('Sum', { x: a.value }, { shape: [editor.shape(output)[0]!] }, sum), { output });
  return true;
};

/** A first axis of extent 1 need not be summed over. */
const singleSum: Rewrite = ({ kernel, inputs, outputs, attrs }, editor) => {
  if (kernel !== 'Sum') return false;
  const [output] = outputs as [number];
  const [batch, ...extents] = editor.shape(inputs[0]!.value);
  const axes = axesOf(attrs, extents.length + 1);
  if (batch !== 1 || !axes.includes(0) || axes.length < 2 || keepsDims(attrs)) return false;
  const x = editor.view(inputs[0]!.value, { shape: extents });
  const axis = axes.filter((one) => one > 0).map((one) => one - 1);
  editor.view(editor.call('Sum', { x }, { shape: editor.shape(output) }, { ...attrs, axis }), { output });
  return true;
};

const named = (operands: readonly Operand[]): Readonly<Record<string, number>> =>
  Object.fromEntries(operands.map(({ name, value }) => [name, value]));

/** Whether a value is a constant column of so many ones. */
function isOnes({ values, constants }: Program, value: number, rows: number | undefined): boolean {
  const { shape } = values[value]!;
  return (
    shape.length === 2 && shape[0] === rows && shape[1] === 1 && !!constants.get(value)?.every((x) => x === 1)
  );
}

/** Whether an array is one matrix in a batch. */
function isSingle(shape: readonly number[]): boolean {
  return shape.length > 2 && shape.slice(0, -2).every((extent) => extent === 1);
}
