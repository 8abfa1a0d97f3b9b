import type { ArrayKind } from '@odegrad/trace';
import type { OnnxArray, Runtime } from './runtime.ts';
import { compileGraph, type Model } from './compile.ts';
import { createGraph } from '../lower/index.ts';
import { PASS_WORK, SUM_ENTRIES } from '../tuning.ts';

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
      models.set(
        kind,
        (model = compileGraph(graph, PASS_WORK * kind.size, { ...runtime, providers: ['cpu'] })),
      );
    }
    return model;
  };
  return (x, y) => {
    if (x.kind.size < SUM_ENTRIES || x.kind !== y.kind || x.kind.type !== runtime.float) return undefined;
    const model = modelOf(x.kind);
    Object.assign(model.feeds, { x, y });
    return model.run()['sum'];
  };
}
