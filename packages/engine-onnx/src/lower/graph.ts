import type { ElementType } from '@odegrad/trace';
import { MERGED_BYTES } from '../tuning.ts';

/** Element types of ONNX, by their numbers in `TensorProto.DataType`. */
export const onnxType = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float64: 11 } as const;
export type OnnxType = keyof typeof onnxType;

type AttributeValue = number | string | readonly number[];

/** One operator call of an ONNX graph. Floating-point attributes are given as `{ float }`. */
export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  inputs: readonly string[];
  outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue | { readonly float: number }>>;
}

/** A name in a graph, with what is known of its value. */
export interface Edge {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: OnnxType;
}

interface Initializer extends Edge {
  readonly bytes: Uint8Array;
}

/** An ONNX graph in the making. `float` is the type that stands for TensorFlow.js's float32. */
export interface Graph {
  readonly float: 'float32' | 'float64';
  readonly nodes: OnnxNode[];
  readonly inputs: Edge[];
  readonly outputs: Edge[];
  readonly initializers: Initializer[];
  /** Every edge by its name. */
  readonly edges: Map<string, Edge>;
  input(name: string, shape: readonly number[], type?: OnnxType): Edge;
  output(name: string, edge: Edge): void;
  /** A node with one output. */
  node(op: string, inputs: readonly Edge[], shape: readonly number[], options?: NodeOptions): Edge;
  /** A node with several outputs. */
  nodesOf(
    op: string,
    inputs: readonly Edge[],
    shapes: readonly (readonly number[])[],
    options?: NodeOptions,
  ): Edge[];
  /** A constant of the graph's floating-point type, or of another. */
  constant(values: ArrayLike<number>, shape: readonly number[], type?: OnnxType): Edge;
  scalar(value: number, type?: OnnxType): Edge;
  /** A one-dimensional int64 constant: axes, shapes, sizes. */
  integers(values: readonly number[]): Edge;
}

export interface NodeOptions {
  readonly type?: OnnxType;
  readonly attributes?: OnnxNode['attributes'];
  readonly domain?: string;
}

export function onnxTypeOf(dtype: ElementType, float: 'float32' | 'float64'): OnnxType {
  return dtype === 'float32' ? float : dtype;
}

export function createGraph(float: 'float32' | 'float64'): Graph {
  let count = 0;
  const initializers: Initializer[] = [];
  const nodes: OnnxNode[] = [];
  const inputs: Edge[] = [];
  const outputs: Edge[] = [];
  const edges = new Map<string, Edge>();
  const fresh = (): string => `x${count++}`;
  const known = <E extends Edge>(edge: E): E => {
    edges.set(edge.name, edge);
    return edge;
  };

  const graph: Graph = {
    float,
    nodes,
    inputs,
    outputs,
    initializers,
    edges,
    input(name, shape, type = float) {
      const edge = known({ name, shape, type });
      inputs.push(edge);
      return edge;
    },
    output(name, edge) {
      // Identity is taken out again when the graph is finished, where the value is the graph's own.
      graph.nodes.push({ op: 'Identity', domain: '', inputs: [edge.name], outputs: [name], attributes: {} });
      outputs.push(known({ ...edge, name }));
    },
    node(op, operands, shape, options) {
      return graph.nodesOf(op, operands, [shape], options)[0]!;
    },
    nodesOf(op, operands, shapes, { type, attributes = {}, domain = '' } = {}) {
      const results = shapes.map((shape) =>
        known({ name: fresh(), shape, type: type ?? operands[0]?.type ?? float }),
      );
      nodes.push({
        op,
        domain,
        inputs: operands.map((edge) => edge.name),
        outputs: results.map((edge) => edge.name),
        attributes,
      });
      return results;
    },
    constant(values, shape, type = float) {
      const bytes = encode(values, type);
      const twin =
        bytes.length <= MERGED_BYTES
          ? initializers.find((other) => same(other, bytes, shape, type))
          : undefined;
      if (twin) return twin;
      const initializer = known({ name: fresh(), shape, type, bytes });
      initializers.push(initializer);
      return initializer;
    },
    scalar: (value, type) => graph.constant([value], [], type),
    integers: (values) => graph.constant(values, [values.length], 'int64'),
  };
  return graph;
}

function same(other: Initializer, bytes: Uint8Array, shape: readonly number[], type: OnnxType): boolean {
  return (
    other.type === type &&
    other.shape.length === shape.length &&
    other.shape.every((extent, i) => extent === shape[i]) &&
    other.bytes.length === bytes.length &&
    other.bytes.every((byte, i) => byte === bytes[i])
  );
}

function encode(values: ArrayLike<number>, type: OnnxType): Uint8Array {
  const view = (array: ArrayBufferView): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  switch (type) {
    case 'float32':
      return view(Float32Array.from(values));
    case 'float64':
      return view(Float64Array.from(values));
    case 'int32':
      return view(Int32Array.from(values));
    case 'int64':
      return view(BigInt64Array.from(Array.from(values, (value) => BigInt(value))));
    default:
      return Uint8Array.from(values);
  }
}
