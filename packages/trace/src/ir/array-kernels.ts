import { padValueOf } from './attributes.ts';
import { FUNCTION } from './elementwise-kernels.ts';
import { family, type Kernel, type Kernels } from './kernel.ts';
import * as results from './result-rules.ts';

const { likeFirst } = results;

/** Entries moved about, repeated or left out. */
const movements: Kernels = {
  Reshape: {
    operands: 'x',
    result: results.reshaped,
    permutes: true,
    linear: 'jointly',
    cheap: true,
    cost: 0,
    rows: 'view',
  },
  Transpose: {
    operands: 'x',
    result: results.transposed,
    permutes: true,
    linear: 'jointly',
    cheap: true,
    rows: 'transpose',
  },
  Reverse: { operands: 'x', result: likeFirst, permutes: true, linear: 'jointly', rows: 'axes' },
  Concat: {
    operands: '*',
    result: results.joined,
    idleAtFullSize: true,
    linear: 'jointly',
    cheap: true,
    rows: 'axes',
  },
  SplitV: {
    operands: 'x',
    result: results.split,
    several: true,
    linear: 'jointly',
    cheap: true,
    rows: 'axes',
  },
  Pack: { operands: '*', result: results.packed, linear: 'jointly', rows: 'pack' },
  Unpack: { operands: 'value', result: results.unpacked, several: true, linear: 'jointly', rows: 'axes' },
  Slice: {
    operands: 'x',
    result: results.sliced,
    idleAtFullSize: true,
    linear: 'jointly',
    cheap: true,
    rows: 'slice',
  },
  StridedSlice: { operands: 'x', result: results.strided, idleAtFullSize: true, linear: 'jointly' },
  PadV2: {
    operands: 'x',
    result: results.padded,
    idleAtFullSize: true,
    linear: (attrs) => (padValueOf(attrs) === 0 ? 'jointly' : undefined),
    cheap: true,
    rows: 'pad',
  },
  MirrorPad: { operands: 'x', result: results.padded, idleAtFullSize: true, linear: 'jointly', rows: 'pad' },
  Tile: {
    operands: 'x',
    result: results.tiled,
    idleAtFullSize: true,
    linear: 'jointly',
    cheap: true,
    rows: 'tile',
  },
  BroadcastTo: {
    operands: 'x',
    result: results.broadcastTo,
    idleAtFullSize: true,
    linear: 'jointly',
    cheap: true,
    rows: 'entries',
  },
  GatherV2: { operands: 'x indices', result: results.gathered, linear: ['x'] },
  OneHot: { operands: 'indices', result: results.oneHot },
};

const reduction: Kernel = { operands: 'x', result: results.reducedSame, rows: 'axes' };

/** Sums, extrema and what else goes along an axis. */
const reductions: Kernels = {
  Sum: { ...reduction, idleAtFullSize: true, linear: 'jointly', rows: 'sum' },
  Mean: { ...reduction, result: results.reducedReal, idleAtFullSize: true, linear: 'jointly' },
  ...family('Prod Max Min', { ...reduction, idleAtFullSize: true }),
  ...family('All Any', { ...reduction, result: results.reducedTruth }),
  ...family('ArgMax ArgMin', { ...reduction, result: results.positions }),
  ...family('Softmax LogSoftmax', { operands: 'logits', result: likeFirst, cost: FUNCTION, rows: 'axes' }),
  Cumsum: { operands: 'x', result: likeFirst, linear: 'jointly', rows: 'axes' },
  Cumprod: { operands: 'x', result: likeFirst, rows: 'axes' },
  UnsortedSegmentSum: { operands: 'x segmentIds', result: results.segments, linear: ['x'] },
  LRN: { operands: 'x', result: likeFirst },
  ...family('TopK Unique', { operands: 'x', several: true }),
};

const fused = 'bias? preluActivationWeights?';
const convolution: Kernel = {
  operands: 'x filter',
  result: results.convolved,
  linear: ['x', 'filter'],
  rows: 'layer of x',
};
const depthwise: Kernel = { ...convolution, result: results.convolvedDepthwise };
const toInput: Kernel = {
  operands: 'dy filter',
  result: results.toInput,
  linear: ['dy', 'filter'],
  rows: 'layer of dy',
};
const toFilter: Kernel = { operands: 'x dy', result: results.toFilter, linear: ['x', 'dy'], rows: 'filter' };

/** Layers with weights, and pools. */
const layers: Kernels = {
  BatchMatMul: {
    operands: 'a b',
    result: results.product,
    linear: ['a', 'b'],
    contracts: 'matrices',
    rows: 'product',
  },
  _FusedMatMul: {
    operands: `a b ${fused}`,
    result: results.product,
    contracts: 'matrices',
    rows: 'fused product',
  },
  Conv2D: { ...convolution, contracts: 'windows' },
  FusedConv2D: {
    operands: `x filter ${fused}`,
    result: results.convolved,
    contracts: 'windows',
    rows: 'layer of x',
  },
  Conv2DBackpropInput: { ...toInput, contracts: 'windows' },
  Conv2DBackpropFilter: { ...toFilter, contracts: 'windows' },
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2D: {
    operands: `x filter ${fused}`,
    result: results.convolvedDepthwise,
    rows: 'layer of x',
  },
  DepthwiseConv2dNativeBackpropInput: toInput,
  DepthwiseConv2dNativeBackpropFilter: toFilter,
  MaxPool: { operands: 'x', result: results.pooled, rows: 'images' },
  AvgPool: { operands: 'x', result: results.pooled, linear: 'jointly', rows: 'images' },
  MaxPoolGrad: { operands: 'dy input output', result: results.likeInput, linear: ['dy'], rows: 'images' },
  AvgPoolGrad: { operands: 'dy input', result: results.likeInput, linear: ['dy'], rows: 'images' },
  FusedBatchNorm: { operands: 'x mean variance offset? scale?', result: likeFirst },
};

/** What depends on the span of a step: programs of whole steps hold them until a backend expands them. */
const symbolic: Kernels = {
  Combine: { operands: 'base? *', result: results.combined, linear: 'jointly' },
  StageTime: { operands: '', result: results.scalar },
};

export const arrayKernels: Kernels = { ...movements, ...reductions, ...layers, ...symbolic };
