import { backend_util, util, type TensorInfo } from '@tensorflow/tfjs-core';

import * as settings from './attributes.ts';
import { sizeOf, type Attributes, type ElementType, type TensorType } from './program.ts';

/** Shape and type of a kernel's result. */
export interface ResultType {
  readonly shape: readonly number[];
  readonly dtype: TensorType;
}

/** What is known of a kernel's operands, by their names. */
export type Inputs = Readonly<Record<string, Pick<TensorInfo, 'shape'> & { readonly dtype: string }>>;

/** Shapes and types of a kernel's results from those of its operands. */
export type ResultRule = (inputs: Inputs, attrs: Attributes) => ResultType | readonly ResultType[];

type Input = Inputs[string];

const of = (shape: readonly number[], dtype: string): ResultType => ({ shape, dtype: dtype as TensorType });
const first = (inputs: Inputs): Input => Object.values(inputs)[0]!;
/** Products and means are numbers, whatever they are of. */
const real = ({ dtype }: Input): ElementType => (dtype === 'float64' ? 'float64' : 'float32');

export const likeFirst: ResultRule = (inputs) => of(first(inputs).shape, first(inputs).dtype);
export const truthLikeFirst: ResultRule = (inputs) => of(first(inputs).shape, 'bool');
export const likeT: ResultRule = ({ t }) => of(t!.shape, t!.dtype);
export const likeInput: ResultRule = ({ input }) => of(input!.shape, real(input!));
export const castTo: ResultRule = ({ x }, attrs) => of(x!.shape, settings.dtypeOf(attrs));
export const scalar: ResultRule = () => of([], 'float32');

const broadcast = ({ a, b }: Inputs): number[] => backend_util.assertAndGetBroadcastShape(a!.shape, b!.shape);
export const broadcastType: ResultRule = (inputs) => of(broadcast(inputs), inputs['a']!.dtype);
export const broadcastTruth: ResultRule = (inputs) => of(broadcast(inputs), 'bool');

function reduced({ shape }: Input, attrs: Attributes): number[] {
  const axes = settings.axesOf(attrs, shape.length);
  const [outer] = backend_util.computeOutAndReduceShapes([...shape], axes);
  return settings.keepsDims(attrs) ? backend_util.expandShapeToKeepDim(outer, axes) : outer;
}
export const reducedSame: ResultRule = ({ x }, attrs) => of(reduced(x!, attrs), x!.dtype);
export const reducedReal: ResultRule = ({ x }, attrs) => of(reduced(x!, attrs), real(x!));
export const reducedTruth: ResultRule = ({ x }, attrs) => of(reduced(x!, attrs), 'bool');
export const positions: ResultRule = ({ x }, attrs) => of(reduced(x!, attrs), 'int32');

const withExtent = (shape: readonly number[], axis: number, extent: number): number[] =>
  shape.map((own, i) => (i === axis ? extent : own));

export const joined: ResultRule = (inputs, attrs) => {
  const { shape, dtype } = first(inputs);
  const axis = settings.axisOf(attrs, shape.length);
  const extent = Object.values(inputs).reduce((sum, part) => sum + part.shape[axis]!, 0);
  return of(withExtent(shape, axis, extent), dtype);
};

export const split: ResultRule = ({ x }, attrs) => {
  const { shape, dtype } = x!;
  const axis = settings.axisOf(attrs, shape.length);
  return settings.pieceSizesOf(attrs, shape, axis).map((size) => of(withExtent(shape, axis, size), dtype));
};

export const packed: ResultRule = (inputs, attrs) => {
  const parts = Object.values(inputs);
  const { shape, dtype } = first(inputs);
  return of(shape.toSpliced(settings.axisOf(attrs, shape.length + 1), 0, parts.length), dtype);
};

export const unpacked: ResultRule = ({ value }, attrs) => {
  const { shape, dtype } = value!;
  const axis = settings.axisOf(attrs, shape.length);
  return Array.from({ length: shape[axis]! }, () => of(shape.toSpliced(axis, 1), dtype));
};

export const reshaped: ResultRule = ({ x }, attrs) =>
  of(reshapedTo(x!.shape, settings.shapeOf(attrs)), x!.dtype);
export const broadcastTo: ResultRule = ({ x }, attrs) => of(settings.shapeOf(attrs), x!.dtype);
export const transposed: ResultRule = ({ x }, attrs) =>
  of(
    settings.permOf(attrs).map((axis) => x!.shape[axis]!),
    x!.dtype,
  );
export const sliced: ResultRule = ({ x }, attrs) => of(settings.sliceOf(attrs, x!.shape).size, x!.dtype);
export const strided: ResultRule = ({ x }, attrs) =>
  of(settings.stridedOf(attrs, x!.shape).finalShape, x!.dtype);
export const padded: ResultRule = ({ x }, attrs) => {
  const paddings = settings.paddingsOf(attrs);
  return of(
    x!.shape.map((extent, i) => extent + paddings[i]![0] + paddings[i]![1]),
    x!.dtype,
  );
};
export const tiled: ResultRule = ({ x }, attrs) =>
  of(
    x!.shape.map((extent, i) => extent * settings.repsOf(attrs)[i]!),
    x!.dtype,
  );

export const gathered: ResultRule = ({ x, indices }, attrs) => {
  const axis = settings.axisOf(attrs, x!.shape.length);
  const batchDims = settings.batchDimsOf(attrs);
  const operands = [x, indices] as [never, never];
  return of(
    backend_util.segment_util.collectGatherOpShapeInfo(...operands, axis, batchDims).outputShape,
    x!.dtype,
  );
};
export const oneHot: ResultRule = ({ indices }, attrs) =>
  of([...indices!.shape, settings.depthOf(attrs)], settings.dtypeOf(attrs));
export const segments: ResultRule = ({ x }, attrs) =>
  of([settings.segmentsOf(attrs), ...x!.shape.slice(1)], x!.dtype);

export const product: ResultRule = ({ a, b }, attrs) => {
  const across = settings.transposesOf(attrs);
  const rows = a!.shape.at(across.a ? -1 : -2)!;
  const columns = b!.shape.at(across.b ? -2 : -1)!;
  const batch = backend_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
  return of([...batch, rows, columns], real(a!));
};

const convolution =
  (depthwise: boolean): ResultRule =>
  ({ x, filter }, attrs) =>
    of(settings.convolutionOf(attrs, x!.shape, filter!.shape, depthwise).outShape, real(x!));
export const convolved: ResultRule = convolution(false);
export const convolvedDepthwise: ResultRule = convolution(true);
export const toInput: ResultRule = ({ dy }, attrs) => of(settings.inputShapeOf(attrs), real(dy!));
export const toFilter: ResultRule = ({ dy }, attrs) => of(settings.filterShapeOf(attrs), real(dy!));
export const pooled: ResultRule = ({ x }, attrs) =>
  of(settings.poolingOf(attrs, x!.shape).outShape, real(x!));

export const combined: ResultRule = (inputs) => of(inputs['0']!.shape, inputs['0']!.dtype);

/** The full shape behind a `Reshape`, whose attribute may leave one extent open (−1). */
export function reshapedTo(shape: readonly number[], attr: readonly number[]): number[] {
  return util.inferFromImplicitShape([...attr], sizeOf(shape));
}
