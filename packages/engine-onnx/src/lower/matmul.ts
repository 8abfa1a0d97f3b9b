import { settings } from '@odegrad/trace';

import { COPIED_COLUMNS } from '../tuning.ts';
import { LoweringError, reshape, transpose, zip, type Call, type LoweringTable } from './context.ts';
import { activate } from './activations.ts';
import type { Edge, Graph } from './graph.ts';

/** Matrix product of two edges of rank 2, each possibly transposed. */
export function multiply(graph: Graph, a: Edge, b: Edge, transA = false, transB = false): Edge {
  const shape = [a.shape[transA ? 1 : 0]!, b.shape[transB ? 0 : 1]!];
  if (!transA && !transB) return graph.node('MatMul', [a, b], shape);
  if (transA && !transB && a.type === 'float32' && shape[1]! >= COPIED_COLUMNS) {
    // Of rank 3, where the runtime does not take the transposition into the product again.
    const copy = reshape(graph, transpose(graph, a, [1, 0]), [1, shape[0]!, a.shape[0]!]);
    return reshape(graph, graph.node('MatMul', [copy, b], [1, ...shape]), shape);
  }
  return graph.node('Gemm', [a, b], shape, {
    attributes: { transA: transA ? 1 : 0, transB: transB ? 1 : 0 },
  });
}

function swapped(graph: Graph, x: Edge): Edge {
  const axes = x.shape.map((_, i) => i);
  return transpose(graph, x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}

function product({ graph, attrs, of, shape }: Call): Edge {
  const [a, b] = [of('a'), of('b')];
  const { a: transA, b: transB } = settings.transposesOf(attrs);
  // A batch of left-hand sides against one matrix is one tall product.
  const single = b.shape.slice(0, -2).every((extent) => extent === 1);
  if (single && (!transA || a.shape.slice(0, -2).every((extent) => extent === 1))) {
    const flatB = reshape(graph, b, b.shape.slice(-2));
    const flatA = transA
      ? reshape(graph, a, a.shape.slice(-2))
      : reshape(graph, a, [a.shape.slice(0, -1).reduce((n, extent) => n * extent, 1), a.shape.at(-1)!]);
    return reshape(graph, multiply(graph, flatA, flatB, transA, transB), shape);
  }
  return graph.node('MatMul', [transA ? swapped(graph, a) : a, transB ? swapped(graph, b) : b], shape);
}

/** Adds a fused kernel's bias and applies its activation. */
export function finishFused(call: Call, x: Edge): Edge {
  const { graph, attrs, kernel, maybe } = call;
  const bias = maybe('bias');
  const biased = bias ? zip(graph, 'Add', x, bias) : x;
  const { name: activation, alpha } = settings.activationOf(attrs);
  const weights = maybe('preluActivationWeights');
  const activated = activate(graph, activation, biased, { alpha, weights });
  if (!activated) throw new LoweringError(kernel, `with activation ${activation} has no lowering`);
  return activated;
}

/** Matrix products. */
export const matrices: LoweringTable = {
  BatchMatMul: product,
  _FusedMatMul: (call) => finishFused(call, product(call)),
};
