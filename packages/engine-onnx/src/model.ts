import onnxProto from 'onnx-proto';

import { onnxType, type Edge, type Graph, type OnnxNode } from './lower/graph.ts';
import { tidyGraph } from './lower/tidy.ts';

const { onnx } = onnxProto;
const { AttributeType } = onnx.AttributeProto;

/** The version of ONNX's operators that the lowerings are written for. */
const OPSET = 17;
const IR_VERSION = 8;

/** The graph as the bytes of an ONNX model; the graph is tidied on the way. */
export function encodeModel(graph: Graph): Uint8Array {
  tidyGraph(graph);
  const model = onnx.ModelProto.create({
    irVersion: IR_VERSION,
    producerName: 'odegrad',
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'odegrad',
      node: graph.nodes.map(nodeProto),
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
      initializer: graph.initializers.map(({ name, shape, type, bytes }) => ({
        name,
        dims: [...shape],
        dataType: onnxType[type],
        rawData: bytes,
      })),
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

function valueInfo({ name, shape, type }: Edge): object {
  const dim = shape.map((extent) => ({ dimValue: extent }));
  return { name, type: { tensorType: { elemType: onnxType[type], shape: { dim } } } };
}

function nodeProto({ op, domain, inputs, outputs, attributes }: OnnxNode): object {
  return {
    opType: op,
    domain,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

function attributeProto(name: string, value: OnnxNode['attributes'][string]): object {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if (typeof value === 'string')
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: [...value] };
}
