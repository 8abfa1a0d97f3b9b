import { backend_util, slice_util, util, type TensorInfo } from '@tensorflow/tfjs-core';

import { sizeOf, type Attributes, type TensorType } from './program.ts';

/** Shape and type of a kernel's result. */
export interface ResultType {
  readonly shape: readonly number[];
  readonly dtype: TensorType;
}

type Inputs = Readonly<Record<string, TensorInfo>>;
type Rule = (inputs: Inputs, attrs: Attributes) => ResultType | readonly ResultType[];

const of = (shape: readonly number[], dtype: string): ResultType => ({ shape, dtype: dtype as TensorType });
const axes = (axis: unknown, shape: readonly number[]): number[] =>
  util.parseAxisParam(axis as number | number[], [...shape]);

/** Results of kernels that the table below knows; undefined for others. They are listed in order. */
export function resultTypes(
  kernel: string,
  inputs: Inputs,
  attrs: Attributes,
): readonly ResultType[] | undefined {
  const result = rules.get(kernel)?.(inputs, attrs);
  return result === undefined || Array.isArray(result)
    ? (result as readonly ResultType[] | undefined)
    : [result as ResultType];
}

const first = (inputs: Inputs): TensorInfo => Object.values(inputs)[0]!;
const elementwise: Rule = (inputs) => of(first(inputs).shape, first(inputs).dtype);
const broadcast = (inputs: Inputs, dtype: string): ResultType =>
  of(backend_util.assertAndGetBroadcastShape(inputs['a']!.shape, inputs['b']!.shape), dtype);

function reduced(shape: readonly number[], axis: unknown, keepDims: unknown): number[] {
  const [outer] = backend_util.computeOutAndReduceShapes([...shape], axes(axis, shape));
  return keepDims === true ? backend_util.expandShapeToKeepDim(outer, axes(axis, shape)) : outer;
}

function joined(inputs: Inputs, axis: number): ResultType {
  const parts = Object.values(inputs);
  const [at] = axes(axis, parts[0]!.shape);
  const shape = parts[0]!.shape.map((extent, i) =>
    i === at ? parts.reduce((n, part) => n + part.shape[i]!, 0) : extent,
  );
  return of(shape, parts[0]!.dtype);
}

function split({ x }: Inputs, attrs: Attributes): ResultType[] {
  const [at] = axes(attrs['axis'], x!.shape);
  const sizes = backend_util.prepareSplitSize(x as never, attrs['numOrSizeSplits'] as number[], at);
  return sizes.map((size) =>
    of(
      x!.shape.map((extent, i) => (i === at ? size : extent)),
      x!.dtype,
    ),
  );
}

function matmul({ a, b }: Inputs, attrs: Attributes): ResultType {
  const rows = attrs['transposeA'] === true ? a!.shape.at(-1)! : a!.shape.at(-2)!;
  const columns = attrs['transposeB'] === true ? b!.shape.at(-2)! : b!.shape.at(-1)!;
  const batch = backend_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
  return of([...batch, rows, columns], 'float32');
}

const convolution =
  (depthwise: boolean): Rule =>
  ({ x, filter }, attrs) => {
    const format = backend_util.convertConv2DDataFormat((attrs['dataFormat'] ?? 'NHWC') as 'NHWC');
    const info = backend_util.computeConv2DInfo(
      x!.shape as never,
      filter!.shape as never,
      attrs['strides'] as number,
      (attrs['dilations'] ?? 1) as number,
      attrs['pad'] as number,
      attrs['dimRoundingMode'] as 'floor',
      depthwise,
      format,
    );
    return of(info.outShape, 'float32');
  };

const pooling: Rule = ({ x }, attrs) => {
  const { outShape } = backend_util.computePool2DInfo(
    x!.shape as never,
    attrs['filterSize'] as number,
    attrs['strides'] as number,
    1,
    attrs['pad'] as number,
    attrs['dimRoundingMode'] as 'floor',
  );
  return of(outShape, 'float32');
};

const gather: Rule = ({ x, indices }, attrs) => {
  const [axis] = axes(attrs['axis'], x!.shape);
  const info = backend_util.segment_util.collectGatherOpShapeInfo(
    x as never,
    indices as never,
    axis!,
    (attrs['batchDims'] ?? 0) as number,
  );
  return of(info.outputShape, x!.dtype);
};

const spread: Rule = ({ x }, attrs) =>
  of(
    x!.shape.map((extent, i) => {
      const [before, after] = (attrs['paddings'] as [number, number][])[i]!;
      return extent + before + after;
    }),
    x!.dtype,
  );

const rules = new Map<string, Rule>();
const define = (kernels: string, rule: Rule): void => {
  for (const kernel of kernels.split(' ')) rules.set(kernel, rule);
};

define(
  'Abs Acos Acosh Asin Asinh Atan Atanh Ceil ClipByValue Cos Cosh Elu Erf Exp Expm1 Floor LeakyRelu Log Log1p Neg',
  elementwise,
);
define(
  'Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid Sign Sin Sinh Softplus Sqrt Square Step Tan Tanh',
  elementwise,
);
define('Softmax LogSoftmax Cumsum Cumprod Reverse Prelu EluGrad LRN LogicalNot', elementwise);
define('MaxPoolGrad AvgPoolGrad', ({ input }) => of(input!.shape, 'float32'));
define('Add Sub Multiply RealDiv Pow Maximum Minimum Mod SquaredDifference Atan2', (inputs) =>
  broadcast(inputs, inputs['a']!.dtype),
);
define('Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalXor', (inputs) =>
  broadcast(inputs, 'bool'),
);
define('IsNan IsInf IsFinite', (inputs) => of(first(inputs).shape, 'bool'));
define('Cast', ({ x }, attrs) => of(x!.shape, attrs['dtype'] as string));
define('AddN', elementwise);
define('Select', ({ t }) => of(t!.shape, t!.dtype));
define('Sum Prod', ({ x }, attrs) => of(reduced(x!.shape, attrs['axis'], attrs['keepDims']), x!.dtype));
define('Mean', ({ x }, attrs) => of(reduced(x!.shape, attrs['axis'], attrs['keepDims']), 'float32'));
define('Max', ({ x }, attrs) =>
  of(reduced(x!.shape, attrs['reductionIndices'], attrs['keepDims']), x!.dtype),
);
define('Min', ({ x }, attrs) => of(reduced(x!.shape, attrs['axis'], attrs['keepDims']), x!.dtype));
define('All Any', ({ x }, attrs) => of(reduced(x!.shape, attrs['axis'], attrs['keepDims']), 'bool'));
define('ArgMax ArgMin', ({ x }, attrs) => of(reduced(x!.shape, attrs['axis'], false), 'int32'));
define('Concat', (inputs, attrs) => joined(inputs, attrs['axis'] as number));
define('Pack', (inputs, attrs) => {
  const parts = Object.values(inputs);
  const shape = [...parts[0]!.shape];
  const axis = attrs['axis'] as number;
  shape.splice(axis < 0 ? axis + shape.length + 1 : axis, 0, parts.length);
  return of(shape, parts[0]!.dtype);
});
define('Unpack', ({ value }, attrs) => {
  const [axis] = axes(attrs['axis'], value!.shape);
  const shape = value!.shape.filter((_, i) => i !== axis);
  return Array.from({ length: value!.shape[axis!]! }, () => of(shape, value!.dtype));
});
define('SplitV', split);
define('Slice', ({ x }, attrs) => {
  const [, size] = slice_util.parseSliceParams(
    x as never,
    attrs['begin'] as number[],
    attrs['size'] as number[],
  );
  return of(size!, x!.dtype);
});
define('StridedSlice', ({ x }, attrs) => {
  const info = slice_util.sliceInfo(
    [...x!.shape],
    attrs['begin'] as number[],
    attrs['end'] as number[],
    attrs['strides'] as number[],
    attrs['beginMask'] as number,
    attrs['endMask'] as number,
    attrs['ellipsisMask'] as number,
    attrs['newAxisMask'] as number,
    attrs['shrinkAxisMask'] as number,
  );
  return of(info.finalShape, x!.dtype);
});
define('PadV2 MirrorPad', spread);
define('Tile', ({ x }, attrs) =>
  of(
    x!.shape.map((extent, i) => extent * (attrs['reps'] as number[])[i]!),
    x!.dtype,
  ),
);
define('BroadcastTo', ({ x }, attrs) => of(attrs['shape'] as number[], x!.dtype));
define('Transpose', ({ x }, attrs) =>
  of(
    (attrs['perm'] as number[]).map((axis) => x!.shape[axis]!),
    x!.dtype,
  ),
);
define('GatherV2', gather);
define('OneHot', ({ indices }, attrs) =>
  of([...indices!.shape, attrs['depth'] as number], (attrs['dtype'] ?? 'float32') as string),
);
define('UnsortedSegmentSum', ({ x }, attrs) =>
  of([attrs['numSegments'] as number, ...x!.shape.slice(1)], x!.dtype),
);
define('BatchMatMul _FusedMatMul', matmul);
define('Conv2D FusedConv2D', convolution(false));
define('DepthwiseConv2dNative FusedDepthwiseConv2D', convolution(true));
define('Conv2DBackpropInput DepthwiseConv2dNativeBackpropInput', (_, attrs) =>
  of(attrs['inputShape'] as number[], 'float32'),
);
define('Conv2DBackpropFilter DepthwiseConv2dNativeBackpropFilter', (_, attrs) =>
  of(attrs['filterShape'] as number[], 'float32'),
);
define('MaxPool AvgPool', pooling);

/** The full shape behind a `Reshape`, whose attribute may leave one extent open (−1). */
export function reshapedTo(shape: readonly number[], attr: unknown): number[] {
  return util.inferFromImplicitShape(attr as number[], sizeOf(shape));
}
