import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';

import type { Attributes } from './program.ts';

// Settings of kernels: each is read here and nowhere else, with the type and the default that TensorFlow.js gives it.

const numbers = (attrs: Attributes, name: string): readonly number[] => attrs[name] as readonly number[];
const number = (attrs: Attributes, name: string): number => attrs[name] as number;
const optional = (attrs: Attributes, name: string, otherwise: number): number =>
  (attrs[name] as number | undefined) ?? otherwise;

/** Which factors of a product are transposed. */
export const transposesOf = (attrs: Attributes): { readonly a: boolean; readonly b: boolean } => ({
  a: attrs['transposeA'] === true,
  b: attrs['transposeB'] === true,
});

/** Axes that a kernel works along, counted from the front; all where none is named. */
export function axesOf(attrs: Attributes, rank: number): number[] {
  const axis = attrs['axis'] ?? attrs['reductionIndices'] ?? attrs['dims'] ?? attrs['dim'];
  return util.parseAxisParam(axis as number | number[], new Array<number>(rank).fill(1));
}

/** The one axis that a kernel works along, counted from the front; `rank` is that of an operand, or of the result of `Pack`. */
export function axisOf(attrs: Attributes, rank: number): number {
  return (number(attrs, 'axis') + rank) % rank;
}

export const keepsDims = (attrs: Attributes): boolean => attrs['keepDims'] === true;

/** Of `Reshape`, where one extent may be −1, and of `BroadcastTo`. */
export const shapeOf = (attrs: Attributes): readonly number[] => numbers(attrs, 'shape');

/** Which axis of the operand comes first, second, … */
export const permOf = (attrs: Attributes): readonly number[] => numbers(attrs, 'perm');

export const repsOf = (attrs: Attributes): readonly number[] => numbers(attrs, 'reps');

/** Entries put before and after each axis. */
export const paddingsOf = (attrs: Attributes): readonly (readonly [before: number, after: number])[] =>
  attrs['paddings'] as [number, number][];

/** What `PadV2` puts there. */
export const padValueOf = (attrs: Attributes): number => optional(attrs, 'constantValue', 0);

/** Where a `Slice` begins, for the axes that it names. */
export const beginOf = (attrs: Attributes): readonly number[] => [attrs['begin']].flat() as number[];

/** Where a `Slice` begins, and how long it is, along every axis. */
export function sliceOf(
  attrs: Attributes,
  shape: readonly number[],
): { readonly begin: readonly number[]; readonly size: readonly number[] } {
  const x = { shape, rank: shape.length } as never;
  const [begin, size] = slice_util.parseSliceParams(x, [...beginOf(attrs)], attrs['size'] as number[]);
  return { begin: begin!, size: size! };
}

/** What a `StridedSlice` takes of an array of that shape. */
export function stridedOf(
  attrs: Attributes,
  shape: readonly number[],
): ReturnType<typeof slice_util.sliceInfo> {
  const list = (name: string): number[] => [...numbers(attrs, name)];
  const mask = (name: string): number => number(attrs, name);
  return slice_util.sliceInfo(
    [...shape],
    list('begin'),
    list('end'),
    list('strides'),
    mask('beginMask'),
    mask('endMask'),
    mask('ellipsisMask'),
    mask('newAxisMask'),
    mask('shrinkAxisMask'),
  );
}

/** The step of a `StridedSlice` along each axis that it names. */
export const stridesOf = (attrs: Attributes): readonly number[] => numbers(attrs, 'strides');

/** Extents of the pieces of a `SplitV`. */
export const pieceSizesOf = (attrs: Attributes, shape: readonly number[], axis: number): readonly number[] =>
  backend_util.prepareSplitSize({ shape } as never, attrs['numOrSizeSplits'] as number[], axis);

/** How the windows of a convolution lie on images of that shape. */
export function convolutionOf(
  attrs: Attributes,
  input: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): backend_util.Conv2DInfo {
  return backend_util.computeConv2DInfo(
    input as never,
    filter as never,
    number(attrs, 'strides'),
    optional(attrs, 'dilations', 1),
    number(attrs, 'pad'),
    attrs['dimRoundingMode'] as 'floor',
    depthwise,
    backend_util.convertConv2DDataFormat((attrs['dataFormat'] ?? 'NHWC') as 'NHWC'),
  );
}

/** How the windows of a pool lie on images of that shape. */
export function poolingOf(attrs: Attributes, input: readonly number[]): backend_util.Conv2DInfo {
  return backend_util.computePool2DInfo(
    input as never,
    number(attrs, 'filterSize'),
    number(attrs, 'strides'),
    1,
    number(attrs, 'pad'),
    attrs['dimRoundingMode'] as 'floor',
  );
}

/** Shape of the images that a convolution's gradient is taken for. */
export const inputShapeOf = (attrs: Attributes): readonly number[] => numbers(attrs, 'inputShape');

/** Shape of the filter that a convolution's gradient is taken for. */
export const filterShapeOf = (attrs: Attributes): readonly number[] => numbers(attrs, 'filterShape');

/** Axes of `GatherV2` that both operands have. */
export const batchDimsOf = (attrs: Attributes): number => optional(attrs, 'batchDims', 0);

/** Classes of a `OneHot`. */
export const depthOf = (attrs: Attributes): number => number(attrs, 'depth');

export const segmentsOf = (attrs: Attributes): number => number(attrs, 'numSegments');

/** The type that a `Cast` or a `OneHot` gives. */
export const dtypeOf = (attrs: Attributes): 'float32' | 'float64' | 'int32' | 'bool' =>
  (attrs['dtype'] ?? 'float32') as 'float32';

/** What a `OneHot` holds where a class is the entry's, and where it is not. */
export const hotValuesOf = (attrs: Attributes): { readonly on: number; readonly off: number } => ({
  on: optional(attrs, 'onValue', 1),
  off: optional(attrs, 'offValue', 0),
});

/** Whether images have their channels first. */
export const hasChannelsFirst = (attrs: Attributes): boolean => attrs['dataFormat'] === 'NCHW';

/** Whether a `MirrorPad` leaves out the entry at the border. */
export const reflects = (attrs: Attributes): boolean => attrs['mode'] === 'reflect';

/** How `Cumsum` and `Cumprod` go: without the entry itself, from the end. */
export const directionOf = (
  attrs: Attributes,
): { readonly exclusive: boolean; readonly reverse: boolean } => ({
  exclusive: attrs['exclusive'] === true,
  reverse: attrs['reverse'] === true,
});

/** Of `LeakyRelu` and `Step`: the slope, or the value, below zero. */
export const alphaOf = (attrs: Attributes): number => optional(attrs, 'alpha', 0);

export const clipOf = (attrs: Attributes): readonly [least: number, most: number] => [
  number(attrs, 'clipValueMin'),
  number(attrs, 'clipValueMax'),
];

/** What a fused kernel does with its product, and the slope below zero that some of that takes. */
export const activationOf = (attrs: Attributes): { readonly name: string; readonly alpha: number } => ({
  name: (attrs['activation'] as string | undefined) ?? 'linear',
  alpha: optional(attrs, 'leakyreluAlpha', 0),
});

/** What `FusedBatchNorm` adds to the variance. */
export const epsilonOf = (attrs: Attributes): number => optional(attrs, 'varianceEpsilon', 0.001);

/** Of `Combine`, a number for each term. */
export const weightsOf = (attrs: Attributes): readonly number[] => numbers(attrs, 'weights');

/** Of `StageTime`: where in the step, from 0 to 1. */
export const nodeOf = (attrs: Attributes): number => number(attrs, 'node');
