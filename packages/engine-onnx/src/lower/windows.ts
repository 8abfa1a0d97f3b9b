import { settings } from '@odegrad/trace';

import { reshape, transpose, type Call } from './context.ts';
import type { Edge, Graph } from './graph.ts';
import { pad, slice } from './shape.ts';

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
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

function windowsOf(info: ReturnType<typeof settings.poolingOf>): Windows {
  const { padInfo } = info;
  return {
    axes: [
      {
        input: info.inHeight,
        output: info.outHeight,
        size: info.filterHeight,
        stride: info.strideHeight,
        dilation: info.dilationHeight,
        before: padInfo.top,
      },
      {
        input: info.inWidth,
        output: info.outWidth,
        size: info.filterWidth,
        stride: info.strideWidth,
        dilation: info.dilationWidth,
        before: padInfo.left,
      },
    ],
    batch: info.batchSize,
    inChannels: info.inChannels,
    outChannels: info.outChannels,
  };
}

/** The windows of a convolution kernel with input and filter of these shapes. */
export function convolutionWindows(
  { attrs }: Call,
  input: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): Windows {
  return windowsOf(settings.convolutionOf(attrs, input, filter, depthwise));
}

export function poolingWindows({ attrs }: Call, input: readonly number[]): Windows {
  return windowsOf(settings.poolingOf(attrs, input));
}

/** Images as `[batch, height, width, channels]`, whatever the kernel's data format. */
export function channelsLast({ graph, attrs }: Call, x: Edge): Edge {
  return settings.hasChannelsFirst(attrs) ? transpose(graph, x, [0, 2, 3, 1]) : x;
}

export function asFormatted({ graph, attrs }: Call, x: Edge): Edge {
  return settings.hasChannelsFirst(attrs) ? transpose(graph, x, [0, 3, 1, 2]) : x;
}

/** Places within a window, row by row. */
export function offsets({ axes: [rows, columns] }: Windows): readonly (readonly [number, number])[] {
  return Array.from(
    { length: rows.size * columns.size },
    (_, i) => [Math.floor(i / columns.size), i % columns.size] as const,
  );
}

const extent = (axis: Axis): number => (axis.output - 1) * axis.stride + (axis.size - 1) * axis.dilation + 1;

/** Adds or takes away entries at both ends of the two spatial axes. */
function fit(
  graph: Graph,
  x: Edge,
  before: readonly [number, number],
  target: readonly [number, number],
  value: number,
): Edge {
  const after = target.map((n, i) => n - before[i]! - x.shape[i + 1]!);
  const cut = (list: readonly number[], i: number): number => Math.max(0, -list[i]!);
  const starts = [0, cut(before, 0), cut(before, 1), 0];
  const ends = x.shape.map((n, i) => (i === 1 || i === 2 ? n - cut(after, i - 1) : n));
  const grow = (list: readonly number[]): number[] => [0, Math.max(0, list[0]!), Math.max(0, list[1]!), 0];
  return pad(graph, slice(graph, x, starts, ends), grow(before), grow(after), value);
}

/** For each place within a window the entries there of all windows: `[batch, height out, width out, channels]`. */
export function windowParts(graph: Graph, x: Edge, windows: Windows, outside = 0): readonly Edge[] {
  const [rows, columns] = windows.axes;
  const padded = fit(graph, x, [rows.before, columns.before], [extent(rows), extent(columns)], outside);
  return offsets(windows).map(([i, j]) => {
    const from = [0, i * rows.dilation, j * columns.dilation, 0];
    const to = [
      padded.shape[0]!,
      from[1]! + (rows.output - 1) * rows.stride + 1,
      from[2]! + (columns.output - 1) * columns.stride + 1,
      padded.shape[3]!,
    ];
    return slice(graph, padded, from, to, [1, rows.stride, columns.stride, 1]);
  });
}

/** Zeros between neighbours, so that strides become 1: `[batch, (n − 1) stride + 1, …]`. */
function spread(graph: Graph, x: Edge, [rows, columns]: readonly [number, number]): Edge {
  if (rows === 1 && columns === 1) return x;
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const open = reshape(graph, x, [batch, height, 1, width, 1, channels]);
  const zeros = pad(graph, open, [0, 0, 0, 0, 0, 0], [0, 0, rows - 1, 0, columns - 1, 0]);
  const wide = reshape(graph, zeros, [batch, height * rows, width * columns, channels]);
  return slice(
    graph,
    wide,
    [0, 0, 0, 0],
    [batch, (height - 1) * rows + 1, (width - 1) * columns + 1, channels],
  );
}

/**
 * The transposed windows: with `dy` spread over them, entry (i, j) of the input sees the windows that it lies
 * in, the last place first.
 */
export function transposedParts(graph: Graph, dy: Edge, windows: Windows): readonly Edge[] {
  const [rows, columns] = windows.axes;
  const before = ({ size, dilation, before: padding }: Axis): number => (size - 1) * dilation - padding;
  const reach = ({ input, size, dilation }: Axis): number => input + (size - 1) * dilation;
  const sparse = spread(graph, dy, [rows.stride, columns.stride]);
  const padded = fit(graph, sparse, [before(rows), before(columns)], [reach(rows), reach(columns)], 0);
  return offsets(windows).map(([i, j]) => {
    const from = [0, i * rows.dilation, j * columns.dilation, 0];
    return slice(graph, padded, from, [
      padded.shape[0]!,
      from[1]! + rows.input,
      from[2]! + columns.input,
      padded.shape[3]!,
    ]);
  });
}

/** Adds up what each place within a window gives back to the input. */
export function scatterParts(graph: Graph, parts: readonly Edge[], windows: Windows): Edge {
  const [rows, columns] = windows.axes;
  const shares = offsets(windows).map(([i, j], k) => {
    const sparse = spread(graph, parts[k]!, [rows.stride, columns.stride]);
    const before = [i * rows.dilation - rows.before, j * columns.dilation - columns.before] as const;
    return fit(graph, sparse, before, [rows.input, columns.input], 0);
  });
  return shares.slice(1).reduce((sum, share) => graph.node('Add', [sum, share], share.shape), shares[0]!);
}
