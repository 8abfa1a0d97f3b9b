import { windowMoves, type Editor, type WindowMoves } from '@odegrad/trace';

/** x[from : to : steps]. */
export function strided(
  editor: Editor,
  x: number,
  from: readonly number[],
  to: readonly number[],
  strides: readonly number[] = from.map(() => 1),
): number {
  const shape = from.map((start, axis) => Math.ceil((to[axis]! - start) / strides[axis]!));
  const masks = { beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 };
  return editor.call(
    'StridedSlice',
    { x },
    { shape },
    { begin: [...from], end: [...to], strides: [...strides], ...masks },
  );
}

function padded(
  editor: Editor,
  x: number,
  before: readonly number[],
  after: readonly number[],
  value: number,
): number {
  const shape = editor.shape(x).map((extent, axis) => extent + before[axis]! + after[axis]!);
  const paddings = before.map((n, axis) => [n, after[axis]!] as const);
  return editor.call('PadV2', { x }, { shape }, { paddings, constantValue: value });
}

/** The sum of values of one shape. */
export const total = (editor: Editor, parts: readonly number[]): number =>
  editor.call('AddN', Object.fromEntries(parts.map((x, i) => [String(i), x])), {
    shape: editor.shape(parts[0]!),
  });

/** Windows in a program. */
export function windowsIn(editor: Editor): WindowMoves<number> {
  return windowMoves<number>({
    shape: editor.shape,
    slice: (x, from, to, strides) => strided(editor, x, from, to, strides),
    pad: (x, before, after, value) => padded(editor, x, before, after, value),
    reshape: (x, shape) => editor.view(x, { shape }),
    sum: (parts) => total(editor, parts),
  });
}
