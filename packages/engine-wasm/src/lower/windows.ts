import type { settings} from '@odegrad/trace';
import { type Editor } from '@odegrad/trace';

/** One spatial axis of a convolution or pooling. */
export interface Axis {
  readonly input: number;
  readonly output: number;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
}

/** How windows slide over a batch of images `[batch, height, width, channels]`. */
export interface Windows {
  readonly axes: readonly [Axis, Axis];
  readonly inShape: readonly number[];
  readonly outShape: readonly number[];
}

export function windowsOf(info: ReturnType<typeof settings.poolingOf>): Windows {
  const { padInfo, batchSize } = info;
  const rows = {
    ...{ input: info.inHeight, output: info.outHeight, size: info.filterHeight },
    ...{ stride: info.strideHeight, dilation: info.dilationHeight, before: padInfo.top },
  };
  const columns = {
    ...{ input: info.inWidth, output: info.outWidth, size: info.filterWidth },
    ...{ stride: info.strideWidth, dilation: info.dilationWidth, before: padInfo.left },
  };
  return {
    axes: [rows, columns],
    inShape: [batchSize, rows.input, columns.input, info.inChannels],
    outShape: [batchSize, rows.output, columns.output, info.outChannels],
  };
}

/** Places within a window, row by row. */
export const offsets = ({ axes: [rows, columns] }: Windows): readonly (readonly [number, number])[] =>
  Array.from({ length: rows.size * columns.size }, (_, i) => [
    Math.floor(i / columns.size),
    i % columns.size,
  ]);

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

/** Adds or takes away entries at both ends of the two spatial axes. */
function fit(
  editor: Editor,
  x: number,
  before: readonly [number, number],
  target: readonly [number, number],
  value: number,
): number {
  const shape = editor.shape(x);
  const after = target.map((n, i) => n - before[i]! - shape[i + 1]!);
  const cut = (list: readonly number[], i: number): number => Math.max(0, -list[i]!);
  const starts = [0, cut(before, 0), cut(before, 1), 0];
  const ends = shape.map((n, i) => (i === 1 || i === 2 ? n - cut(after, i - 1) : n));
  const grow = (list: readonly number[]): number[] => [0, Math.max(0, list[0]!), Math.max(0, list[1]!), 0];
  return padded(editor, strided(editor, x, starts, ends), grow(before), grow(after), value);
}

/** For each place within a window the entries there of all windows: `[batch, height out, width out, channels]`. */
export function windowParts(editor: Editor, x: number, windows: Windows, outside = 0): readonly number[] {
  const [rows, columns] = windows.axes;
  const extent = (axis: Axis): number =>
    (axis.output - 1) * axis.stride + (axis.size - 1) * axis.dilation + 1;
  const whole = fit(editor, x, [rows.before, columns.before], [extent(rows), extent(columns)], outside);
  const [batch, , , channels] = editor.shape(whole) as [number, number, number, number];
  return offsets(windows).map(([i, j]) => {
    const [top, left] = [i * rows.dilation, j * columns.dilation];
    const to = [
      batch,
      top + (rows.output - 1) * rows.stride + 1,
      left + (columns.output - 1) * columns.stride + 1,
      channels,
    ];
    return strided(editor, whole, [0, top, left, 0], to, [1, rows.stride, columns.stride, 1]);
  });
}

/** Zeros between neighbours, so that strides become 1: `[batch, (n − 1) stride + 1, …]`. */
function spread(editor: Editor, x: number, [rows, columns]: readonly [number, number]): number {
  if (rows === 1 && columns === 1) return x;
  const [batch, height, width, channels] = editor.shape(x) as [number, number, number, number];
  const open = editor.view(x, { shape: [batch, height, 1, width, 1, channels] });
  const zeros = padded(editor, open, [0, 0, 0, 0, 0, 0], [0, 0, rows - 1, 0, columns - 1, 0], 0);
  const wide = editor.view(zeros, { shape: [batch, height * rows, width * columns, channels] });
  return strided(
    editor,
    wide,
    [0, 0, 0, 0],
    [batch, (height - 1) * rows + 1, (width - 1) * columns + 1, channels],
  );
}

/**
 * The transposed windows: with `dy` spread over them, entry (i, j) of the input sees the windows that it lies
 * in, the last place first.
 */
export function transposedParts(editor: Editor, dy: number, windows: Windows): readonly number[] {
  const [rows, columns] = windows.axes;
  const before = ({ size, dilation, before: padding }: Axis): number => (size - 1) * dilation - padding;
  const reach = ({ input, size, dilation }: Axis): number => input + (size - 1) * dilation;
  const sparse = spread(editor, dy, [rows.stride, columns.stride]);
  const whole = fit(editor, sparse, [before(rows), before(columns)], [reach(rows), reach(columns)], 0);
  const [batch, , , channels] = editor.shape(whole) as [number, number, number, number];
  return offsets(windows).map(([i, j]) => {
    const [top, left] = [i * rows.dilation, j * columns.dilation];
    return strided(
      editor,
      whole,
      [0, top, left, 0],
      [batch, top + rows.input, left + columns.input, channels],
    );
  });
}

/** Adds up what each place within a window gives back to the input. */
export function scatterParts(editor: Editor, parts: readonly number[], windows: Windows): number {
  const [rows, columns] = windows.axes;
  return total(
    editor,
    offsets(windows).map(([i, j], k) => {
      const sparse = spread(editor, parts[k]!, [rows.stride, columns.stride]);
      const before = [i * rows.dilation - rows.before, j * columns.dilation - columns.before] as const;
      return fit(editor, sparse, before, [rows.input, columns.input], 0);
    }),
  );
}

/** The sum of values of one shape. */
export const total = (editor: Editor, parts: readonly number[]): number =>
  editor.call('AddN', Object.fromEntries(parts.map((x, i) => [String(i), x])), {
    shape: editor.shape(parts[0]!),
  });
