import type { backend_util } from '@tensorflow/tfjs-core';

/** One spatial axis of a convolution or pooling. */
interface Axis {
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
  /** Shapes of the images that they slide over, and of what a kernel makes of them. */
  readonly inShape: readonly number[];
  readonly outShape: readonly number[];
}

/** The windows that TensorFlow.js describes so. */
export function windowsOf(info: backend_util.Conv2DInfo): Windows {
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
export function offsets({ axes: [rows, columns] }: Windows): readonly (readonly [number, number])[] {
  return Array.from(
    { length: rows.size * columns.size },
    (_, i) => [Math.floor(i / columns.size), i % columns.size] as const,
  );
}

/** What moves entries about, in a program or a graph that is being written. */
export interface Moves<X> {
  shape(x: X): readonly number[];
  /** x[from : to : strides], axis by axis. */
  slice(x: X, from: readonly number[], to: readonly number[], strides?: readonly number[]): X;
  /** With so many entries of `value` put before and after, axis by axis. */
  pad(x: X, before: readonly number[], after: readonly number[], value: number): X;
  reshape(x: X, shape: readonly number[]): X;
  /** The sum of values of one shape. */
  sum(parts: readonly X[]): X;
}

/** What a convolution or pooling does with its windows, as slices of whole images. */
export interface WindowMoves<X> {
  /** For each place within a window the entries there of all windows: `[batch, height out, width out, channels]`. */
  parts(x: X, windows: Windows, outside?: number): readonly X[];
  /**
   * The transposed windows: with `dy` spread over them, entry (i, j) of the input sees the windows that it lies
   * in, the last place first.
   */
  transposed(dy: X, windows: Windows): readonly X[];
  /** Adds up what each place within a window gives back to the input. */
  scatter(parts: readonly X[], windows: Windows): X;
}

export function windowMoves<X>({ shape, slice, pad, reshape, sum }: Moves<X>): WindowMoves<X> {
  /** Adds or takes away entries at both ends of the two spatial axes. */
  const fit = (
    x: X,
    before: readonly [number, number],
    target: readonly [number, number],
    value: number,
  ): X => {
    const extents = shape(x);
    const after = target.map((n, i) => n - before[i]! - extents[i + 1]!);
    const cut = (list: readonly number[], i: number): number => Math.max(0, -list[i]!);
    const starts = [0, cut(before, 0), cut(before, 1), 0];
    const ends = extents.map((n, i) => (i === 1 || i === 2 ? n - cut(after, i - 1) : n));
    const grow = (list: readonly number[]): number[] => [0, Math.max(0, list[0]!), Math.max(0, list[1]!), 0];
    return pad(slice(x, starts, ends), grow(before), grow(after), value);
  };

  /** Zeros between neighbours, so that strides become 1: `[batch, (n − 1) stride + 1, …]`. */
  const spread = (x: X, [rows, columns]: readonly [Axis, Axis]): X => {
    const [down, right] = [rows.stride, columns.stride];
    if (down === 1 && right === 1) return x;
    const [batch, height, width, channels] = shape(x) as [number, number, number, number];
    const open = reshape(x, [batch, height, 1, width, 1, channels]);
    const zeros = pad(open, [0, 0, 0, 0, 0, 0], [0, 0, down - 1, 0, right - 1, 0], 0);
    const wide = reshape(zeros, [batch, height * down, width * right, channels]);
    return slice(wide, [0, 0, 0, 0], [batch, (height - 1) * down + 1, (width - 1) * right + 1, channels]);
  };

  return {
    parts(x, windows, outside = 0) {
      const [rows, columns] = windows.axes;
      const extent = (axis: Axis): number =>
        (axis.output - 1) * axis.stride + (axis.size - 1) * axis.dilation + 1;
      const whole = fit(x, [rows.before, columns.before], [extent(rows), extent(columns)], outside);
      const [batch, , , channels] = shape(whole) as [number, number, number, number];
      return offsets(windows).map(([i, j]) => {
        const [top, left] = [i * rows.dilation, j * columns.dilation];
        const bottom = top + (rows.output - 1) * rows.stride + 1;
        const right = left + (columns.output - 1) * columns.stride + 1;
        const strides = [1, rows.stride, columns.stride, 1];
        return slice(whole, [0, top, left, 0], [batch, bottom, right, channels], strides);
      });
    },
    transposed(dy, windows) {
      const [rows, columns] = windows.axes;
      const before = ({ size, dilation, before: padding }: Axis): number => (size - 1) * dilation - padding;
      const reach = ({ input, size, dilation }: Axis): number => input + (size - 1) * dilation;
      const sparse = spread(dy, windows.axes);
      const whole = fit(sparse, [before(rows), before(columns)], [reach(rows), reach(columns)], 0);
      const [batch, , , channels] = shape(whole) as [number, number, number, number];
      return offsets(windows).map(([i, j]) => {
        const [top, left] = [i * rows.dilation, j * columns.dilation];
        return slice(whole, [0, top, left, 0], [batch, top + rows.input, left + columns.input, channels]);
      });
    },
    scatter(parts, windows) {
      const [rows, columns] = windows.axes;
      return sum(
        offsets(windows).map(([i, j], k) => {
          const sparse = spread(parts[k]!, windows.axes);
          const before = [i * rows.dilation - rows.before, j * columns.dilation - columns.before] as const;
          return fit(sparse, before, [rows.input, columns.input], 0);
        }),
      );
    },
  };
}
