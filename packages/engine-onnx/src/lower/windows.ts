import { settings, windowMoves, windowsOf, type Windows, type WindowMoves } from '@odegrad/trace';

import { reshape, transpose, type Call } from './context.ts';
import type { Edge, Graph } from './graph.ts';
import { pad, slice } from './shape.ts';

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

/** Windows in a graph. */
export function windowsIn(graph: Graph): WindowMoves<Edge> {
  return windowMoves<Edge>({
    shape: (x) => x.shape,
    slice: (x, from, to, strides) => slice(graph, x, from, to, strides),
    pad: (x, before, after, value) => pad(graph, x, before, after, value),
    reshape: (x, shape) => reshape(graph, x, shape),
    sum: ([first, ...rest]) =>
      rest.reduce((total, part) => graph.node('Add', [total, part], part.shape), first!),
  });
}
