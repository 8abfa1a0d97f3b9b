import { settings } from '@odegrad/trace';

import {
  cast,
  LoweringError,
  reshape,
  transpose,
  where,
  zip,
  type Call,
  type Lowering,
  type LoweringTable,
} from './context.ts';
import { onnxTypeOf, type Edge, type Graph } from './graph.ts';

/** x[starts : ends : steps], one entry per axis. */
export function slice(
  graph: Graph,
  x: Edge,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): Edge {
  const axes = starts.flatMap((start, i) =>
    start === 0 && ends[i] === x.shape[i] && steps[i] === 1 ? [] : [i],
  );
  if (axes.length === 0) return x;
  const shape = x.shape.map((extent, i) =>
    axes.includes(i) ? Math.max(0, Math.ceil((ends[i]! - starts[i]!) / steps[i]!)) : extent,
  );
  const pick = (list: readonly number[]): Edge => graph.integers(axes.map((i) => list[i]!));
  // A slice that runs backwards to the first entry ends before it, which ONNX writes as a very negative end.
  const operands = [
    x,
    pick(starts),
    pick(ends.map((end) => (end < 0 ? -(2 ** 31) : end))),
    graph.integers(axes),
  ];
  return graph.node(
    'Slice',
    axes.every((i) => steps[i] === 1) ? operands : [...operands, pick(steps)],
    shape,
  );
}

/** Puts `before[i]` and `after[i]` entries of `value` round axis i. */
export function pad(
  graph: Graph,
  x: Edge,
  before: readonly number[],
  after: readonly number[],
  value = 0,
): Edge {
  if ([...before, ...after].every((n) => n === 0)) return x;
  const shape = x.shape.map((extent, i) => extent + before[i]! + after[i]!);
  return graph.node('Pad', [x, graph.integers([...before, ...after]), graph.scalar(value, x.type)], shape, {
    attributes: { mode: 'constant' },
  });
}

export function concat(graph: Graph, parts: readonly Edge[], axis: number): Edge {
  if (parts.length === 1) return parts[0]!;
  const shape = parts[0]!.shape.map((extent, i) =>
    i === axis ? parts.reduce((n, part) => n + part.shape[i]!, 0) : extent,
  );
  return graph.node('Concat', parts, shape, { attributes: { axis } });
}

function expand(graph: Graph, x: Edge, shape: readonly number[]): Edge {
  return graph.node('Expand', [x, graph.integers(shape)], shape);
}

const paddings = ({ attrs }: Call): [number[], number[]] => {
  const pairs = settings.paddingsOf(attrs);
  return [pairs.map((pair) => pair[0]), pairs.map((pair) => pair[1])];
};

/** Padding by reflection is a gather along each axis: for `symmetric` ONNX has nothing else. */
const mirror: Lowering = (call) => {
  const { graph, attrs, operands } = call;
  const offset = settings.reflects(attrs) ? 0 : 1;
  const [before, after] = paddings(call);
  return before.reduce((x, from, axis) => {
    const extent = x.shape[axis]!;
    if (from === 0 && after[axis] === 0) return x;
    const indices = Array.from({ length: from + extent + after[axis]! }, (_, i) => {
      const at = i - from;
      return at < 0 ? -at - offset : at >= extent ? 2 * (extent - 1) - at + offset : at;
    });
    return gather(graph, x, graph.integers(indices), axis);
  }, operands[0]!);
};

function gather(graph: Graph, x: Edge, indices: Edge, axis: number): Edge {
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return graph.node('Gather', [x, indices], shape, { attributes: { axis } });
}

const strided: Lowering = ({ graph, attrs, operands: [x] }) => {
  const info = settings.stridedOf(attrs, x!.shape);
  return reshape(graph, slice(graph, x!, info.begin, info.end, info.strides), info.finalShape);
};

const split: Lowering = ({ graph, attrs, operands: [x], shapes }) => {
  const axis = settings.axisOf(attrs, x!.shape.length);
  if (shapes.length === 1) return x!;
  return graph.nodesOf('Split', [x!, graph.integers(shapes.map((shape) => shape[axis]!))], shapes, {
    attributes: { axis },
  });
};

const unpack: Lowering = ({ graph, attrs, operands: [x], shapes }) => {
  const axis = settings.axisOf(attrs, x!.shape.length);
  return shapes.map((shape, i) => {
    const starts = x!.shape.map((_, k) => (k === axis ? i : 0));
    const ends = x!.shape.map((extent, k) => (k === axis ? i + 1 : extent));
    return reshape(graph, slice(graph, x!, starts, ends), shape);
  });
};

const oneHot: Lowering = ({ graph, attrs, operands: [indices], shape }) => {
  const type = onnxTypeOf(settings.dtypeOf(attrs), graph.float);
  const depth = settings.depthOf(attrs);
  const classes = graph.constant(
    Array.from({ length: depth }, (_, i) => i),
    [depth],
    indices!.type,
  );
  const hit = zip(graph, 'Equal', reshape(graph, indices!, [...indices!.shape, 1]), classes, {
    type: 'bool',
  });
  const { on, off } = settings.hotValuesOf(attrs);
  return { ...where(graph, hit, graph.scalar(on, type), graph.scalar(off, type)), shape };
};

/** Views, slices, paddings, joins and gathers. */
export const shapes: LoweringTable = {
  Reshape: ({ graph, operands: [x], shape }) => reshape(graph, x!, shape),
  Transpose: ({ graph, attrs, operands: [x] }) => transpose(graph, x!, settings.permOf(attrs)),
  Slice: ({ graph, attrs, operands: [x] }) => {
    const { begin, size } = settings.sliceOf(attrs, x!.shape);
    const end = begin.map((from, i) => from + size[i]!);
    return slice(graph, x!, begin, end);
  },
  StridedSlice: strided,
  Concat: ({ graph, attrs, operands, shape }) =>
    concat(graph, operands, settings.axisOf(attrs, shape.length)),
  Pack: ({ graph, attrs, operands, shape }) => {
    const axis = settings.axisOf(attrs, shape.length);
    const layer = shape.map((extent, i) => (i === axis ? 1 : extent));
    return concat(
      graph,
      operands.map((x) => reshape(graph, x, layer)),
      axis,
    );
  },
  Unpack: unpack,
  SplitV: split,
  PadV2: (call) => pad(call.graph, call.operands[0]!, ...paddings(call), settings.padValueOf(call.attrs)),
  MirrorPad: mirror,
  Tile: ({ graph, attrs, operands: [x], shape }) => {
    const reps = settings.repsOf(attrs);
    if (reps.every((n, i) => n === 1 || x!.shape[i] === 1)) return expand(graph, x!, shape);
    return graph.node('Tile', [x!, graph.integers(reps)], shape);
  },
  BroadcastTo: ({ graph, operands: [x], shape }) => expand(graph, x!, shape),
  Reverse: ({ graph, attrs, operands: [x] }) => {
    const dims = settings.axesOf(attrs, x!.shape.length);
    return dims.reduce(
      (y, axis) =>
        gather(
          graph,
          y,
          graph.integers(Array.from({ length: y.shape[axis]! }, (_, i) => y.shape[axis]! - 1 - i)),
          axis,
        ),
      x!,
    );
  },
  GatherV2: ({ graph, attrs, of, kernel, shape }) => {
    if (settings.batchDimsOf(attrs) !== 0)
      throw new LoweringError(kernel, 'with batch dimensions has no lowering');
    const x = of('x');
    return reshape(
      graph,
      gather(graph, x, cast(graph, of('indices'), 'int64'), settings.axisOf(attrs, x.shape.length)),
      shape,
    );
  },
  OneHot: oneHot,
};
