import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Writes a value as the fields of a message. */
type Write<T> = (writer: BinaryWriter, value: T) => void;

/** Messages with the fields that models here have, under their numbers in ONNX's schema (onnx.proto3). */
export interface ModelProto {
  readonly irVersion: number;
  readonly producerName: string;
  readonly graph: GraphProto;
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
}

export interface GraphProto {
  readonly node: readonly NodeProto[];
  readonly name: string;
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
}

export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly opType: string;
  readonly attribute: readonly AttributeProto[];
  readonly domain?: string;
}

/** An attribute: its name, the number of its type, and the one field that the type says. */
export type AttributeProto = { readonly name: string; readonly type: number } & (
  | { readonly f: number }
  | { readonly i: number }
  | { readonly s: string }
  | { readonly g: GraphProto }
  | { readonly ints: readonly number[] }
);

interface TensorProto {
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly name: string;
  readonly rawData: Uint8Array;
}

/** An extent, or a name for an extent that is known only when the model runs. */
export type Dimension = { readonly dimValue: number } | { readonly dimParam: string };

export interface ValueInfoProto {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: { readonly dim: readonly Dimension[] };
    };
  };
}

/** `AttributeProto.AttributeType`. */
export const attributeType = { FLOAT: 1, INT: 2, STRING: 3, GRAPH: 5, INTS: 7 } as const;

type Keys<T> = T extends unknown ? keyof T : never;
type ValueOf<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;
type Fields<T> = { readonly [K in Keys<T>]: Write<Exclude<ValueOf<T, K>, undefined>> };

/** A message, of its fields in the order of their numbers; what is undefined is left out. */
function message<T extends object>(fields: Fields<T>): Write<T> {
  const entries = Object.entries(fields) as [keyof T, Write<unknown>][];
  return (writer, value) => {
    for (const [name, write] of entries) if (value[name] !== undefined) write(writer, value[name]);
  };
}

const int =
  (field: number): Write<number> =>
  (writer, value) => {
    writer.tag(field, WireType.Varint).int64(value);
  };
const float =
  (field: number): Write<number> =>
  (writer, value) => {
    writer.tag(field, WireType.Bit32).float(value);
  };
const text =
  (field: number): Write<string> =>
  (writer, value) => {
    writer.tag(field, WireType.LengthDelimited).string(value);
  };
const bytes =
  (field: number): Write<Uint8Array> =>
  (writer, value) => {
    writer.tag(field, WireType.LengthDelimited).bytes(value);
  };
const nested =
  <T>(field: number, write: Write<T>): Write<T> =>
  (writer, value) => {
    writer.tag(field, WireType.LengthDelimited).fork();
    write(writer, value);
    writer.join();
  };
const repeated =
  <T>(write: Write<T>): Write<readonly T[]> =>
  (writer, values) => {
    for (const value of values) write(writer, value);
  };
/** Repeated integers go as one field, none as no field. */
const ints = (field: number): Write<readonly number[]> => {
  const packed = nested<readonly number[]>(field, (writer, values) => {
    for (const value of values) writer.int64(value);
  });
  return (writer, values) => {
    if (values.length > 0) packed(writer, values);
  };
};

const dimension = message<Dimension>({ dimValue: int(1), dimParam: text(2) });
const shape = message<{ readonly dim: readonly Dimension[] }>({ dim: repeated(nested(1, dimension)) });
const tensorType = message<ValueInfoProto['type']['tensorType']>({
  elemType: int(1),
  shape: nested(2, shape),
});
const valueInfo = message<ValueInfoProto>({
  name: text(1),
  type: nested(2, message<ValueInfoProto['type']>({ tensorType: nested(1, tensorType) })),
});
const tensor = message<TensorProto>({ dims: ints(1), dataType: int(2), name: text(8), rawData: bytes(9) });
const attribute = message<AttributeProto>({
  name: text(1),
  f: float(2),
  i: int(3),
  s: text(4),
  // A graph is a field of an attribute of a node of a graph.
  g: nested(6, (writer, value) => {
    graph(writer, value);
  }),
  ints: ints(8),
  type: int(20),
});
const node = message<NodeProto>({
  input: repeated(text(1)),
  output: repeated(text(2)),
  opType: text(4),
  attribute: repeated(nested(5, attribute)),
  domain: text(7),
});
const graph: Write<GraphProto> = message<GraphProto>({
  node: repeated(nested(1, node)),
  name: text(2),
  initializer: repeated(nested(5, tensor)),
  input: repeated(nested(11, valueInfo)),
  output: repeated(nested(12, valueInfo)),
});
const opset = message<ModelProto['opsetImport'][number]>({ domain: text(1), version: int(2) });
const model = message<ModelProto>({
  irVersion: int(1),
  producerName: text(2),
  graph: nested(7, graph),
  opsetImport: repeated(nested(8, opset)),
});

/** The bytes of a model. */
export function encodeProto(value: ModelProto): Uint8Array {
  const writer = new BinaryWriter();
  model(writer, value);
  return writer.finish();
}
