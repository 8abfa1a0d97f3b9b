import {
  backend_util,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  Conv3DBackpropFilterV2,
  Conv3DBackpropInputV2,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
  engine,
  MaxPool,
  MaxPoolGrad,
  pad as padded,
  reshape,
  slice,
  util,
  type MaxPool3DAttrs,
  type MaxPoolAttrs,
  type NamedTensorMap,
  type Tensor,
} from '@tensorflow/tfjs-core';
import type { Correction } from './correction.ts';

const kernel = (name: string, inputs: NamedTensorMap, attributes: object): Tensor =>
  engine().runKernel(name, inputs, attributes as never);

/** Applies `change` to each of the first axes of a filter, seen as `[before, extent, after]`. */
function alongAxes(
  filter: Tensor,
  dilations: readonly number[],
  change: (x: Tensor, dilation: number) => Tensor,
): Tensor {
  return dilations.reduce((x, dilation, axis) => {
    if (dilation === 1) return x;
    const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
    const rows = reshape(x, [util.sizeFromShape(before), x.shape[axis]!, util.sizeFromShape(after)]);
    const changed = change(rows, dilation);
    return reshape(changed, [...before, changed.shape[1]!, ...after]);
  }, filter);
}

/** A filter with zeros between its entries: dilated convolution is convolution with it. */
const dilate = (filter: Tensor, dilations: readonly number[]): Tensor =>
  alongAxes(filter, dilations, (x, dilation) => {
    const [before, extent, after] = x.shape as [number, number, number];
    const apart = padded(reshape(x, [before * extent, 1, after]), [
      [0, 0],
      [0, dilation - 1],
      [0, 0],
    ]);
    return slice(
      reshape(apart, [before, extent * dilation, after]),
      [0, 0, 0],
      [before, (extent - 1) * dilation + 1, after],
    );
  });

/** Leaves out the entries that `dilate` puts in. */
const undilate = (filter: Tensor, dilations: readonly number[]): Tensor =>
  alongAxes(filter, dilations, (x, dilation) => {
    const [before, extent, after] = x.shape as [number, number, number];
    const kept = (extent - 1) / dilation + 1;
    const whole = padded(x, [
      [0, 0],
      [0, dilation - 1],
      [0, 0],
    ]);
    const columns = reshape(whole, [before * kept, dilation, after]);
    return reshape(slice(columns, [0, 0, 0], [before * kept, 1, after]), [before, kept, after]);
  });

export interface ConvolutionAttributes {
  readonly dilations: number | readonly number[] | null;
  readonly dimRoundingMode?: unknown;
}

/** The pullback of a convolution by the kernels `[ofInput, ofFilter]`, which know no dilations. */
export function convolutionGradient(
  [ofInput, ofFilter]: readonly [string, string],
  axes: number,
  dy: Tensor,
  x: Tensor,
  filter: Tensor,
  attributes: ConvolutionAttributes,
): { x: () => Tensor; filter: () => Tensor } {
  const given = attributes.dilations ?? 1;
  const dilations = typeof given === 'number' ? Array<number>(axes).fill(given) : given.slice(-axes);
  const settings = { ...attributes, dilations: 1 };
  const dilated = filter.shape.map((extent, i) => (extent - 1) * (dilations[i] ?? 1) + 1);
  return {
    x: () => kernel(ofInput, { dy, filter: dilate(filter, dilations) }, { ...settings, inputShape: x.shape }),
    filter: () => undilate(kernel(ofFilter, { x, dy }, { ...settings, filterShape: dilated }), dilations),
  };
}

/** Whether TensorFlow.js' own gradient serves. */
export const isPlain = ({ dilations, dimRoundingMode }: ConvolutionAttributes): boolean =>
  dimRoundingMode === undefined && [dilations ?? 1].flat().every((dilation) => dilation === 1);

export const CONV2D: readonly [string, string] = [Conv2DBackpropInput, Conv2DBackpropFilter];
export const DEPTHWISE: readonly [string, string] = [
  DepthwiseConv2dNativeBackpropInput,
  DepthwiseConv2dNativeBackpropFilter,
];
const CONV3D = [Conv3DBackpropInputV2, Conv3DBackpropFilterV2] as const;

const convolution = (kernels: readonly [string, string], axes: number, why: string): Correction => ({
  why,
  gradient(recorded) {
    const attributes = recorded.attributes as ConvolutionAttributes;
    if (isPlain(attributes)) return recorded.registered();
    const [x, filter] = recorded.saved as [Tensor, Tensor];
    return convolutionGradient(kernels, axes, recorded.dy, x, filter, attributes);
  },
});

const dilations = 'Dilations are refused.';

/** Gradients of what slides a window over images. */
export const windows: Record<string, Correction> = {
  Conv2D: convolution(CONV2D, 2, 'Dilations are refused, and dimRoundingMode is forgotten.'),
  Conv3D: convolution(CONV3D, 3, dilations),
  DepthwiseConv2dNative: convolution(DEPTHWISE, 2, dilations),
  MaxPool: {
    why: 'dimRoundingMode is forgotten.',
    gradient(recorded) {
      if ((recorded.attributes as MaxPoolAttrs).dimRoundingMode === undefined) return recorded.registered();
      const { dy, saved, attributes } = recorded;
      const [input, output] = saved as [Tensor, Tensor];
      return { x: () => kernel(MaxPoolGrad, { dy, input, output }, attributes as object) };
    },
  },
  MaxPool3D: {
    why: 'Windows whose height and width differ have their maxima mistaken, and dimRoundingMode is forgotten.',
    gradient: ({ dy, saved, attributes }) => ({
      x: () => maxPool3d(dy, saved[0]!, saved[1]!, attributes as MaxPool3DAttrs),
    }),
  },
};

/**
 * The maximum over a box is the one over its depth of those over its rectangles: two pools of images. Where a window is smaller
 * than its stride, padding 'same' of boxes is negative: it cuts images off.
 */
function maxPool3d(dy: Tensor, whole: Tensor, y: Tensor, attributes: MaxPool3DAttrs): Tensor {
  const { filterSize, strides, pad, dimRoundingMode } = attributes;
  const info = backend_util.computePool3DInfo(
    whole.shape as never,
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const { front, back, top, bottom, left, right } = info.padInfo;
  const none = [0, 0] as const;
  const widths = [none, [front, back], [top, bottom], [left, right], none] as const;
  const cut = widths.map(([before, after]): [number, number] => [Math.max(0, -before), Math.max(0, -after)]);
  const added = widths.map(([before, after]) => [Math.max(0, before), Math.max(0, after)]);
  const from = cut.map(([before]) => before);
  const x = slice(
    whole,
    from,
    whole.shape.map((extent, i) => extent - cut[i]![0] - cut[i]![1]),
  );

  const [batch, depth, height, width, channels] = x.shape as [number, number, number, number, number];
  const flatten = (z: Tensor): Tensor => reshape(z, [batch, z.shape[1]!, -1, channels]);
  const across = {
    filterSize: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    pad: [none, added[2], added[3], none],
    dimRoundingMode: 'floor',
  };
  const down = {
    filterSize: [info.filterDepth, 1],
    strides: [info.strideDepth, 1],
    pad: [none, added[1], none, none],
  };
  const images = reshape(x, [batch * depth, height, width, channels]);
  const maxima = kernel(MaxPool, { x: images }, across);
  const columns = reshape(maxima, [batch, depth, -1, channels]);
  const along = { dy: flatten(dy), input: columns, output: flatten(y) };
  const middle = kernel(MaxPoolGrad, along, { ...down, dimRoundingMode: 'floor' });
  const outer = { dy: reshape(middle, maxima.shape), input: images, output: maxima };
  return padded(reshape(kernel(MaxPoolGrad, outer, across), x.shape), cut);
}
