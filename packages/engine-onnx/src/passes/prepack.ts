import { edit, pointwise, settings, simplify, sizeOf, type Program } from '@odegrad/trace';
import { PREPACKED_ENTRIES } from '../tuning.ts';

/**
 * Large factors of products turned over, where they depend on the variables alone. ONNX Runtime's kernel puts strips of a factor in
 * order in each call, and takes them faster from rows than from columns; turning over is done once for a solve.
 *
 *     BatchMatMul(x, w)  →  BatchMatMul(x, Transpose(w); transposeB)
 */
export function prepack(program: Program, large: number = PREPACKED_ENTRIES): Program {
  const late = pointwise(program);
  const editor = edit(program);
  const turned = new Map<number, number>();
  for (const instruction of program.instructions) {
    const { kernel, attrs, inputs, outputs } = instruction;
    const [a, b] = inputs.map(({ value }) => value) as [number, number];
    const shape = kernel === 'BatchMatMul' ? editor.shape(b) : [];
    const turns =
      shape.length === 2 &&
      sizeOf(shape) >= large &&
      !settings.transposesOf(attrs).b &&
      !late.has(b) &&
      late.has(a);
    if (!turns) {
      editor.keep(instruction);
      continue;
    }
    let across = turned.get(b);
    if (across === undefined) {
      across = editor.call('Transpose', { x: b }, { shape: shape.toReversed() }, { perm: [1, 0] });
      turned.set(b, across);
    }
    editor.call(kernel, { a, b: across }, { output: outputs[0]! }, { ...attrs, transposeB: true });
  }
  return simplify(editor.finish());
}
