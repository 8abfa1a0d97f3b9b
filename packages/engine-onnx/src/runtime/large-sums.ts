import type { ArrayKind, OnnxArray, Runtime } from './array.ts';
import { compileGraph, type Model } from './compile.ts';
import { createGraph } from '../lower/index.ts';

/** Entries from which on a call costs less than a loop: JavaScript's loops use neither vectors nor threads. */
const LARGE = 2 ** 15;
/** Floating-point operations that a pass over memory takes the time of, for each entry. */
const PASS = 4;

/**
 * x + y of arrays that are large, by ONNX Runtime; of others, nothing. The gradients of a large network's parameters are such
 * sums, one at each stage. The result is the loop's to the last bit.
 */
export function largeSums(runtime: Runtime): (x: OnnxArray, y: OnnxArray) => OnnxArray | undefined {
  const models = new Map<ArrayKind, Model>();
  const modelOf = (kind: ArrayKind): Model => {
    let model = models.get(kind);
    if (!model) {
      const graph = createGraph(runtime.float);
      const [x, y] = [graph.input('x', kind.dims), graph.input('y', kind.dims)];
      graph.output('sum', graph.node('Add', [x, y], kind.dims));
      models.set(kind, (model = compileGraph(graph, PASS * kind.size, { ...runtime, providers: ['cpu'] })));
    }
    return model;
  };
  return (x, y) => {
    if (x.kind.size < LARGE || x.kind !== y.kind || x.kind.type !== runtime.float) return undefined;
    const model = modelOf(x.kind);
    Object.assign(model.feeds, { x, y });
    return model.run()['sum'];
  };
}
