import { settings, sizeOf } from '@odegrad/trace';

import { SUMMED_ROWS } from '../tuning.ts';
import {
  cast,
  LoweringError,
  map,
  reshape,
  zip,
  type Call,
  type Lowering,
  type LoweringTable,
} from './context.ts';
import type { Edge, Graph } from './graph.ts';
import { pad, slice } from './shape.ts';

const axesOf = ({ attrs, operands: [x] }: Call): number[] => settings.axesOf(attrs, x!.shape.length);

/** Reduces to the shape that TensorFlow.js gives; in opset 17 only ReduceSum takes its axes as an input. */
function reduce(call: Call, op: string, x: Edge): Edge {
  const { graph, shape } = call;
  const axes = axesOf(call);
  if (axes.length === 0) return x;
  const keepdims = shape.length === x.shape.length ? 1 : 0;
  if (op === 'ReduceSum' && summedByProduct(x, axes)) return sumOfRows(call.graph, x, axes.length, shape);
  if (op === 'ReduceSum')
    return graph.node(op, [x, graph.integers(axes)], shape, { attributes: { keepdims } });
  return graph.node(op, [x], shape, { attributes: { axes, keepdims } });
}

/** A sum over the first axes, as a bias's gradient is one. ONNX Runtime's products of a row are faster than its sums of rows. */
function summedByProduct({ shape, type }: Edge, axes: readonly number[]): boolean {
  const leading = [...axes].sort((a, b) => a - b).every((axis, i) => axis === i);
  const rows = sizeOf(shape.slice(0, axes.length));
  return (
    leading && axes.length < shape.length && rows <= SUMMED_ROWS && (type === 'float32' || type === 'float64')
  );
}

function sumOfRows(graph: Graph, x: Edge, summed: number, shape: readonly number[]): Edge {
  const [rows, columns] = [sizeOf(x.shape.slice(0, summed)), sizeOf(x.shape.slice(summed))];
  const ones = graph.constant(new Float64Array(rows).fill(1), [1, rows], x.type);
  const flat = reshape(graph, x, [rows, columns]);
  return reshape(graph, graph.node('MatMul', [ones, flat], [1, columns]), shape);
}

const reduction =
  (op: string): Lowering =>
  (call) =>
    reduce(call, op, call.operands[0]!);

const logical =
  (op: string): Lowering =>
  (call) =>
    cast(call.graph, reduce(call, op, cast(call.graph, call.operands[0]!, 'int32')), 'bool');

const position =
  (op: string): Lowering =>
  (call) => {
    const { graph, operands, shape } = call;
    const index = graph.node(op, [operands[0]!], shape, {
      type: 'int64',
      attributes: { axis: axesOf(call)[0]!, keepdims: 0 },
    });
    return cast(graph, index, 'int32');
  };

const segmentSum: Lowering = ({ graph, of, shape }) => {
  const [x, ids] = [of('x'), of('segmentIds')];
  const indices = reshape(graph, cast(graph, ids, 'int64'), [...ids.shape, 1]);
  const zeros = graph.node('Expand', [graph.scalar(0, x.type), graph.integers(shape)], shape, {
    type: x.type,
  });
  return graph.node('ScatterND', [zeros, indices, x], shape, { attributes: { reduction: 'add' } });
};

/** Products of all entries up to each: every round doubles how far back the products reach. */
const cumulativeProduct: Lowering = (call) => {
  const {
    graph,
    attrs,
    operands: [x],
  } = call;
  const [axis] = axesOf(call);
  const extent = x!.shape[axis!]!;
  const { reverse: backwards, exclusive } = settings.directionOf(attrs);
  // Moves entries along the axis, ones coming in.
  const moved = (y: Edge, by: number): Edge => {
    const at = (value: number): number[] => y.shape.map((_, i) => (i === axis ? value : 0));
    const ends = y.shape.map((n, i) => (i === axis && !backwards ? n - by : n));
    const rest = slice(graph, y, at(backwards ? by : 0), ends);
    return pad(graph, rest, at(backwards ? 0 : by), at(backwards ? by : 0), 1);
  };
  let y = exclusive ? moved(x!, 1) : x!;
  for (let reach = 1; reach < extent; reach *= 2) y = zip(graph, 'Mul', y, moved(y, reach));
  return y;
};

/** Sums, products, extrema and scans. */
export const reductions: LoweringTable = {
  Sum: reduction('ReduceSum'),
  Mean: reduction('ReduceMean'),
  Prod: reduction('ReduceProd'),
  Max: reduction('ReduceMax'),
  Min: reduction('ReduceMin'),
  All: logical('ReduceMin'),
  Any: logical('ReduceMax'),
  ArgMax: position('ArgMax'),
  ArgMin: position('ArgMin'),
  Cumsum: (call) => {
    const {
      graph,
      attrs,
      operands: [x],
      kernel,
    } = call;
    if (x!.type === 'bool') throw new LoweringError(kernel, 'of truth values has no lowering');
    const { exclusive, reverse } = settings.directionOf(attrs);
    const attributes = { exclusive: Number(exclusive), reverse: Number(reverse) };
    return graph.node('CumSum', [x!, graph.scalar(axesOf(call)[0]!, 'int64')], x!.shape, { attributes });
  },
  Cumprod: cumulativeProduct,
  UnsortedSegmentSum: segmentSum,
  Identity: ({ graph, operands: [x] }) => map(graph, 'Identity', x!),
};
