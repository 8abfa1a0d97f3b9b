import type { Windows } from '@odegrad/trace';

import { cast, map, zip, type LoweringTable } from './context.ts';
import type { Edge, Graph } from './graph.ts';
import { poolingWindows, windowsIn } from './windows.ts';

const LOWEST = -3.4028234663852886e38;

const fold = (graph: Graph, op: string, parts: readonly Edge[]): Edge =>
  parts.slice(1).reduce((total, part) => zip(graph, op, total, part), parts[0]!);

/** How many entries of each window lie within the image: `[1, height out, width out, 1]`. */
function counts(graph: Graph, { axes: [rows, columns] }: Windows): Edge {
  const inside = ({ input, output, size, stride, dilation, before }: Windows['axes'][number]): number[] =>
    Array.from(
      { length: output },
      (_, i) =>
        Array.from({ length: size }, (_unused, k) => i * stride + k * dilation - before).filter(
          (at) => at >= 0 && at < input,
        ).length,
    );
  const [down, across] = [inside(rows), inside(columns)];
  return graph.constant(
    down.flatMap((n) => across.map((m) => n * m)),
    [1, rows.output, columns.output, 1],
  );
}

/** Pooling over windows of images, and its gradients. */
export const pools: LoweringTable = {
  AvgPool: (call) => {
    const { graph, of } = call;
    const windows = poolingWindows(call, of('x').shape);
    return zip(
      graph,
      'Div',
      fold(graph, 'Add', windowsIn(graph).parts(of('x'), windows)),
      counts(graph, windows),
    );
  },
  // TensorFlow.js divides by the size of the window here, at the borders too.
  AvgPoolGrad: (call) => {
    const { graph, of } = call;
    const windows = poolingWindows(call, of('input').shape);
    const [rows, columns] = windows.axes;
    const total = fold(graph, 'Add', windowsIn(graph).transposed(of('dy'), windows));
    return zip(graph, 'Mul', total, graph.scalar(1 / (rows.size * columns.size)));
  },
  MaxPool: (call) => {
    const { graph, of } = call;
    return fold(graph, 'Max', windowsIn(graph).parts(of('x'), poolingWindows(call, of('x').shape), LOWEST));
  },
  // The cotangent goes to the first entry of the window that is its maximum.
  MaxPoolGrad: (call) => {
    const { graph, of } = call;
    const windows = poolingWindows(call, of('input').shape);
    const maximum = of('output');
    let free: Edge | undefined;
    const shares = windowsIn(graph)
      .parts(of('input'), windows, LOWEST)
      .map((part) => {
        const equal = zip(graph, 'Equal', part, maximum, { type: 'bool' });
        const hit = free ? zip(graph, 'And', equal, free) : equal;
        const missed = map(graph, 'Not', hit);
        free = free ? zip(graph, 'And', free, missed) : missed;
        return zip(graph, 'Mul', of('dy'), cast(graph, hit, of('dy').type));
      });
    return windowsIn(graph).scatter(shares, windows);
  },
};
