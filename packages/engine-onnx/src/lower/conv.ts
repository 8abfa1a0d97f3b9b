import { offsets, settings } from '@odegrad/trace';

import { reshape, transpose, zip, type Call, type Lowering, type LoweringTable } from './context.ts';
import type { Edge, Graph } from './graph.ts';
import { finishFused, multiply } from './matmul.ts';
import { concat, slice } from './shape.ts';
import { asFormatted, channelsLast, convolutionWindows, windowsIn } from './windows.ts';

/** All windows as rows: `[batch · height · width, places · channels]`. */
function rows(graph: Graph, parts: readonly Edge[]): Edge {
  const joined = concat(graph, parts, 3);
  return reshape(graph, joined, [joined.shape[0]! * joined.shape[1]! * joined.shape[2]!, joined.shape[3]!]);
}

const flat = (graph: Graph, x: Edge): Edge =>
  reshape(graph, x, [x.shape[0]! * x.shape[1]! * x.shape[2]!, x.shape[3]!]);

/** Convolution as one matrix product of the windows with the filter, in either precision. */
const convolution: Lowering = (call) => {
  const { graph, of } = call;
  const [x, filter] = [of('x'), of('filter')];
  const windows = convolutionWindows(call, x.shape, filter.shape, false);
  const y = multiply(
    graph,
    rows(graph, windowsIn(graph).parts(channelsLast(call, x), windows)),
    flat(graph, filter),
  );
  return asFormatted(call, reshape(graph, y, windows.outShape));
};

const backpropFilter: Lowering = (call) => {
  const { graph, of, attrs } = call;
  const shape = settings.filterShapeOf(attrs);
  const windows = convolutionWindows(call, of('x').shape, shape, false);
  const patches = rows(graph, windowsIn(graph).parts(channelsLast(call, of('x')), windows));
  return reshape(
    graph,
    multiply(graph, patches, flat(graph, channelsLast(call, of('dy'))), true, false),
    shape,
  );
};

/** A convolution of dy with the filter turned round, its channels swapped. */
const backpropInput: Lowering = (call) => {
  const { graph, of, attrs } = call;
  const filter = of('filter');
  const windows = convolutionWindows(call, settings.inputShapeOf(attrs), filter.shape, false);
  const patches = rows(graph, windowsIn(graph).transposed(channelsLast(call, of('dy')), windows));
  const turned = reversed(graph, filter);
  const [height, width, inChannels, outChannels] = turned.shape as [number, number, number, number];
  if (height * width === 1)
    return asFormatted(
      call,
      reshape(graph, multiply(graph, patches, flat(graph, turned), false, true), windows.inShape),
    );
  const swapped = reshape(graph, transpose(graph, turned, [0, 1, 3, 2]), [
    height * width * outChannels,
    inChannels,
  ]);
  return asFormatted(call, reshape(graph, multiply(graph, patches, swapped), windows.inShape));
};

function reversed(graph: Graph, filter: Edge): Edge {
  return [0, 1].reduce((x, axis) => {
    const extent = x.shape[axis]!;
    if (extent === 1) return x;
    return graph.node(
      'Gather',
      [x, graph.integers(Array.from({ length: extent }, (_, i) => extent - 1 - i))],
      x.shape,
      { attributes: { axis } },
    );
  }, filter);
}

/** The filter of a depthwise convolution at one place within the window: `[channels, multiplier]`. */
function at(graph: Graph, filter: Edge, [i, j]: readonly [number, number]): Edge {
  const [, , channels, multiplier] = filter.shape as [number, number, number, number];
  return reshape(graph, slice(graph, filter, [i, j, 0, 0], [i + 1, j + 1, channels, multiplier]), [
    channels,
    multiplier,
  ]);
}

const sum = (graph: Graph, parts: readonly Edge[]): Edge =>
  parts.slice(1).reduce((total, part) => zip(graph, 'Add', total, part), parts[0]!);

const depthwise: Lowering = (call) => {
  const { graph, of } = call;
  const filter = of('filter');
  const windows = convolutionWindows(call, of('x').shape, filter.shape, true);
  const parts = windowsIn(graph).parts(channelsLast(call, of('x')), windows);
  const terms = offsets(windows).map((place, k) =>
    zip(graph, 'Mul', reshape(graph, parts[k]!, [...parts[k]!.shape, 1]), at(graph, filter, place)),
  );
  return asFormatted(call, reshape(graph, sum(graph, terms), windows.outShape));
};

const depthwiseBackpropInput: Lowering = (call) => {
  const { graph, of, attrs } = call;
  const filter = reversed(graph, of('filter'));
  const [, , channels, multiplier] = filter.shape as [number, number, number, number];
  const windows = convolutionWindows(call, settings.inputShapeOf(attrs), filter.shape, true);
  const parts = windowsIn(graph).transposed(channelsLast(call, of('dy')), windows);
  const terms = offsets(windows).map((place, k) => {
    const open = reshape(graph, parts[k]!, [...parts[k]!.shape.slice(0, 3), channels, multiplier]);
    return zip(graph, 'Mul', open, at(graph, filter, place));
  });
  const total = sum(graph, terms);
  const shape = windows.inShape;
  return asFormatted(
    call,
    graph.node('ReduceSum', [total, graph.integers([4])], shape, { attributes: { keepdims: 0 } }),
  );
};

const depthwiseBackpropFilter: Lowering = (call) => {
  const { graph, of, attrs } = call;
  const shape = settings.filterShapeOf(attrs) as [number, number, number, number];
  const windows = convolutionWindows(call, of('x').shape, shape, true);
  const dy = channelsLast(call, of('dy'));
  const open = reshape(graph, dy, [...dy.shape.slice(0, 3), shape[2], shape[3]]);
  const parts = windowsIn(graph)
    .parts(channelsLast(call, of('x')), windows)
    .map((part) => {
      const product = zip(graph, 'Mul', reshape(graph, part, [...part.shape, 1]), open);
      return graph.node('ReduceSum', [product, graph.integers([0, 1, 2])], [1, shape[2], shape[3]], {
        attributes: { keepdims: 0 },
      });
    });
  return reshape(
    graph,
    concat(
      graph,
      parts.map((part) => reshape(graph, part, [1, shape[2], shape[3]])),
      0,
    ),
    shape,
  );
};

const fused =
  (lowering: Lowering): Lowering =>
  (call: Call) =>
    finishFused(call, lowering(call) as Edge);

/** Convolutions and their gradients. */
export const convolutions: LoweringTable = {
  Conv2D: convolution,
  FusedConv2D: fused(convolution),
  Conv2DBackpropInput: backpropInput,
  Conv2DBackpropFilter: backpropFilter,
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2D: fused(depthwise),
  DepthwiseConv2dNativeBackpropInput: depthwiseBackpropInput,
  DepthwiseConv2dNativeBackpropFilter: depthwiseBackpropFilter,
};
