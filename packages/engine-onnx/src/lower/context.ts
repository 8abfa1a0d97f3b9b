import { EngineError } from '@odegrad/core';

import type { Attributes, Instruction, Program } from '@odegrad/trace';
import type { Edge, Graph, NodeOptions } from './graph.ts';

/** What the lowering of one kernel works with: its operands by name, its attributes, and the graph. */
export interface Call {
  readonly graph: Graph;
  readonly kernel: string;
  readonly attrs: Attributes;
  readonly operands: readonly Edge[];
  /** Shape of the (first) result, as TensorFlow.js gives it. */
  readonly shape: readonly number[];
  readonly shapes: readonly (readonly number[])[];
  /** The operand of that name. */
  of(name: string): Edge;
  /** The operand of that name, where the kernel got it. */
  maybe(name: string): Edge | undefined;
}

/** Adds nodes to the graph that compute a kernel's results. */
export type Lowering = (call: Call) => Edge | readonly Edge[];

export type LoweringTable = Readonly<Record<string, Lowering>>;

/** A kernel, or a use of it, that has no counterpart in ONNX. */
export class LoweringError extends EngineError {
  readonly kernel: string;

  constructor(kernel: string, why: string) {
    super(`${kernel} ${why}`);
    this.kernel = kernel;
  }
}

export function callOf(
  graph: Graph,
  program: Program,
  instruction: Instruction,
  edges: ReadonlyMap<number, Edge>,
): Call {
  const named = new Map(instruction.inputs.map(({ name, value }) => [name, edges.get(value)!]));
  const shapes = instruction.outputs.map((output) => program.values[output]!.shape);
  return {
    graph,
    kernel: instruction.kernel,
    attrs: instruction.attrs,
    operands: [...named.values()],
    shape: shapes[0]!,
    shapes,
    of(name) {
      const edge = named.get(name);
      if (!edge) throw new LoweringError(instruction.kernel, `lacks operand ${name}`);
      return edge;
    },
    maybe: (name) => named.get(name),
  };
}

/** A result of the operand's shape and type, from one operator. */
export function map(graph: Graph, op: string, x: Edge, attributes: NodeOptions['attributes'] = {}): Edge {
  return graph.node(op, [x], x.shape, { attributes });
}

/** Elementwise `a op b` with broadcasting. */
export function zip(graph: Graph, op: string, a: Edge, b: Edge, options?: NodeOptions): Edge {
  return graph.node(op, [a, b], broadcastShape(a.shape, b.shape), options);
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    return x === 1 ? y : x;
  });
}

export function reshape(graph: Graph, x: Edge, shape: readonly number[]): Edge {
  if (x.shape.length === shape.length && x.shape.every((extent, i) => extent === shape[i])) return x;
  return graph.node('Reshape', [x, graph.integers(shape)], shape);
}

export function transpose(graph: Graph, x: Edge, perm: readonly number[]): Edge {
  return graph.node(
    'Transpose',
    [x],
    perm.map((axis) => x.shape[axis]!),
    { attributes: { perm } },
  );
}

/** `condition ? a : b`, entry by entry. */
export function where(graph: Graph, condition: Edge, a: Edge, b: Edge): Edge {
  const shape = broadcastShape(condition.shape, broadcastShape(a.shape, b.shape));
  return graph.node('Where', [condition, a, b], shape, { type: a.type });
}

export function cast(graph: Graph, x: Edge, to: Edge['type']): Edge {
  if (x.type === to) return x;
  const code = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float64: 11 }[to];
  return graph.node('Cast', [x], x.shape, { type: to, attributes: { to: code } });
}
