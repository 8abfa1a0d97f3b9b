import { onnxType, type Edge, type Graph, type OnnxNode } from '../lower/graph.ts';
import { tidyGraph } from '../lower/tidy.ts';
import {
  attributeType,
  encodeProto,
  type AttributeProto,
  type Dimension,
  type GraphProto,
  type NodeProto,
  type ValueInfoProto,
} from './onnx-schema.ts';

/** The version of ONNX's operators that the lowerings are written for. */
const OPSET = 17;
const IR_VERSION = 8;

/**
 * A first output of no entries, of a type that onnxruntime-node cannot hand over (`Session.run` says what for). A node
 * cannot have its name.
 */
export const unreadable = { name: 'unreadable', bfloat16: 16 } as const;

/** The graph as the bytes of an ONNX model, with an unreadable output if told; the graph is tidied on the way. */
export function encodeModel(graph: Graph, withUnreadable = false): Uint8Array {
  const proto = graphProto(graph, graph.inputs.map(valueInfo));
  if (withUnreadable) {
    const { name, bfloat16 } = unreadable;
    const tensor = { name, dims: [0], dataType: bfloat16, rawData: new Uint8Array(0) };
    const info = { name, type: { tensorType: { elemType: bfloat16, shape: { dim: [{ dimValue: 0 }] } } } };
    return encode({
      ...proto,
      initializer: [...proto.initializer, tensor],
      output: [info, ...proto.output],
    });
  }
  return encode(proto);
}

/** How a graph is run step after step on the rows of its inputs, within one model: a scan. */
export interface Scan {
  /** Pairs of an input and the output that takes its place in the next step. */
  readonly carry: readonly (readonly [input: Edge, output: Edge])[];
  /** Inputs that get another row in every step. */
  readonly xs: readonly Edge[];
  /** Outputs of which every step's is wanted. */
  readonly ys: readonly Edge[];
  /** Carried outputs of which the last step's is wanted. */
  readonly finals: readonly Edge[];
}

/**
 * A model that scans with the graph, in as many steps as its inputs `all:…` have rows: `first:…` goes in for each carried
 * input, `all:…` for each of the xs, and `last:…` and `all:…` come out. Other inputs are the same in every step and keep
 * their names.
 */
export function encodeScan(graph: Graph, { carry, xs, ys, finals }: Scan): Uint8Array {
  const inputs = carry.map(([input]) => input);
  const outputs = carry.map(([, output]) => output);
  const own = [...inputs, ...xs];
  const shared = graph.inputs.filter((edge) => !own.includes(edge));
  const prefixed = (prefix: string, edges: readonly Edge[]): Edge[] =>
    edges.map((edge) => ({ ...edge, name: `${prefix}${edge.name}` }));
  const [firsts, lasts] = [prefixed('first:', inputs), prefixed('last:', outputs)];
  const [rows, results] = [prefixed('all:', xs), prefixed('all:', ys)];
  const names = (edges: readonly Edge[]): string[] => edges.map(({ name }) => name);
  const body = graphProto(graph, own.map(valueInfo));
  return encode({
    name: 'odegrad',
    node: [
      {
        opType: 'Scan',
        input: [...names(firsts), ...names(rows)],
        output: [...names(lasts), ...names(results)],
        attribute: [
          { name: 'body', type: attributeType.GRAPH, g: body },
          { name: 'num_scan_inputs', type: attributeType.INT, i: xs.length },
        ],
      },
    ],
    input: [...firsts.map(valueInfo), ...rows.map(rowsInfo), ...shared.map(valueInfo)],
    output: [...prefixed('last:', finals).map(valueInfo), ...results.map(rowsInfo)],
    initializer: [],
  });
}

function graphProto(graph: Graph, input: readonly ValueInfoProto[]): GraphProto {
  tidyGraph(graph);
  return {
    name: 'odegrad',
    node: graph.nodes.map(nodeProto),
    input,
    output: graph.outputs.map(valueInfo),
    initializer: graph.initializers.map(({ name, shape, type, bytes }) => ({
      name,
      dims: shape,
      dataType: onnxType[type],
      rawData: bytes,
    })),
  };
}

function encode(graph: GraphProto): Uint8Array {
  return encodeProto({
    irVersion: IR_VERSION,
    producerName: 'odegrad',
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph,
  });
}

const ofDimensions = ({ name, type }: Edge, dim: readonly Dimension[]): ValueInfoProto => ({
  name,
  type: { tensorType: { elemType: onnxType[type], shape: { dim } } },
});
const dimensions = ({ shape }: Edge): Dimension[] => shape.map((extent) => ({ dimValue: extent }));

const valueInfo = (edge: Edge): ValueInfoProto => ofDimensions(edge, dimensions(edge));

/** Of an edge with one row for each step. */
const rowsInfo = (edge: Edge): ValueInfoProto =>
  ofDimensions(edge, [{ dimParam: 'steps' }, ...dimensions(edge)]);

function nodeProto({ op, domain, inputs, outputs, attributes }: OnnxNode): NodeProto {
  return {
    opType: op,
    domain,
    input: inputs,
    output: outputs,
    attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

function attributeProto(name: string, value: OnnxNode['attributes'][string]): AttributeProto {
  if (typeof value === 'number') return { name, type: attributeType.INT, i: value };
  if (typeof value === 'string') return { name, type: attributeType.STRING, s: value };
  if ('float' in value) return { name, type: attributeType.FLOAT, f: value.float };
  return { name, type: attributeType.INTS, ints: value };
}
