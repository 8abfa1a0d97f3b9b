import {
  countUses,
  edit,
  makersOf,
  sameShape,
  settings,
  sizeOf,
  type Instruction,
  type Program,
} from '@odegrad/trace';
import { BIASED_ENTRIES, BIASED_RATIO } from '../tuning.ts';

/**
 * Rows added within products, where the left factor is narrow and its product wide: the copies of both factors with one more column
 * and row cost less than a pass over the product. For ONNX Runtime, which writes the row into all of the product first.
 *
 *     Add(BatchMatMul(x, w), b)  →  BatchMatMul(Concat(x, ones; axis 1), Concat(w, b; axis 0))
 */
export function biasesInProducts(program: Program): Program {
  const editor = edit(program);
  const { shape } = editor;
  const makers = makersOf(program);
  const uses = countUses(program);

  const ones = (rows: number): number => editor.constant(new Float32Array(rows).fill(1), [rows, 1]);
  const joined = (a: number, b: number, axis: number): number => {
    const result = shape(a).map((extent, i) => (i === axis ? extent + 1 : extent));
    return editor.call('Concat', { 0: a, 1: b }, { shape: result }, { axis });
  };

  /** The factors of a product that is wide enough and serves nothing but the sum. */
  const factors = (product: number): Instruction | undefined => {
    const maker = makers.get(product);
    if (maker?.kernel !== 'BatchMatMul' || settings.transposesOf(maker.attrs).a) return undefined;
    const [rows, columns, ...more] = shape(product);
    const wide =
      rows! * columns! >= BIASED_ENTRIES && shape(maker.inputs[0]!.value)[1]! * BIASED_RATIO <= columns!;
    return more.length === 0 && wide && uses.get(product) === 1 ? maker : undefined;
  };

  for (const instruction of program.instructions) {
    const { kernel, inputs, outputs } = instruction;
    if (kernel !== 'Add') {
      editor.keep(instruction);
      continue;
    }
    const [a, b] = inputs.map(({ value }) => value) as [number, number];
    const [product, row] = factors(a) ? [a, b] : [b, a];
    const made = factors(product);
    const columns = made && shape(product)[1]!;
    const isRow = sizeOf(shape(row)) === columns && shape(row).at(-1) === columns;
    if (!made || !isRow || !sameShape(shape(product), shape(outputs[0]!))) {
      editor.keep(instruction);
      continue;
    }
    const [x, w] = made.inputs.map(({ value }) => value) as [number, number];
    const across = settings.transposesOf(made.attrs).b;
    const bias = editor.view(row, { shape: across ? [columns, 1] : [1, columns] });
    const operands = { a: joined(x, ones(shape(x)[0]!), 1), b: joined(w, bias, across ? 1 : 0) };
    editor.call(made.kernel, operands, { output: outputs[0]! }, made.attrs);
  }
  return editor.finish();
}
