import type { Kind } from '../nests/node.ts';
import type { View } from '../nests/view.ts';
import type { Arena } from './arena.ts';

/** Where an array enters or leaves a module. */
export interface Port {
  readonly kind: Kind;
  readonly address: number;
  readonly width: number;
  /** In the module; of rows, those of a tile. */
  readonly entries: number;
  /** Whether rows are beside one another, a tile at a time. */
  readonly isOfRows: boolean;
  /** Entries of a row, and rows of a tile, where it is. */
  readonly features: number;
  readonly tile: number;
}

type Heap = ReturnType<Arena['heap']>;

export function portOf({ buffer, shape }: View, kind: Kind, width: number, isOfRows: boolean): Port {
  const tile = isOfRows ? shape[0]! : 1;
  const entries = buffer.entries;
  return {
    kind,
    address: buffer.address,
    width: buffer.width || width,
    entries,
    isOfRows,
    features: entries / tile,
    tile,
  };
}

/** The memory as what the entries of a port are. */
function cells(heap: Heap, { kind, width }: Port): Float32Array | Float64Array | Int32Array {
  if (width === 8) return heap.float64;
  return kind === 'float' ? heap.float32 : heap.int32;
}

/** Arrays up to this size are copied faster one by one. */
const SMALL = 512;

/** Writes an array that has no rows, or a number. */
export function writePort(heap: Heap, port: Port, data: ArrayLike<number> | number): void {
  const { kind, address, width } = port;
  if (typeof data === 'number') {
    cells(heap, port)[address / width] = data;
    return;
  }
  if (kind !== 'mask') {
    const to = cells(heap, port);
    if (data.length > SMALL) to.set(data, address / width);
    else for (let i = 0; i < data.length; i++) to[address / width + i] = data[i]!;
    return;
  }
  const words = width / 4;
  const from = address / 4;
  for (let i = 0; i < data.length; i++)
    heap.int32.fill(data[i] ? -1 : 0, from + words * i, from + words * (i + 1));
}

/**
 * Writes the rows of a tile, beside one another. Where there are fewer rows, the last one is repeated: what is computed of it is
 * finite where it is. Of a cotangent there are zeros, which add nothing.
 */
export function writeRows(
  heap: Heap,
  port: Port,
  data: ArrayLike<number>,
  index: number,
  count: number,
  isCotangent: boolean,
): void {
  const { features, tile, address, width, kind } = port;
  const [to, from] = [cells(heap, port), index * tile];
  const rows = Math.min(tile, count - from);
  let at = address / width;
  for (let feature = 0; feature < features; feature++) {
    let source = from * features + feature;
    for (let row = 0; row < rows; row++, source += features) to[at++] = data[source]!;
    const rest = isCotangent ? 0 : data[source - features]!;
    for (let row = rows; row < tile; row++) to[at++] = rest;
  }
  if (kind !== 'mask') return;
  const words = width / 4;
  const start = address / width;
  for (let i = 0; i < features * tile; i++) {
    const isSet = to[start + i] !== 0;
    heap.int32.fill(isSet ? -1 : 0, (start + i) * words, (start + i + 1) * words);
  }
}

/** Reads the rows of a tile. */
export function readRows(
  heap: Heap,
  port: Port,
  out: Float32Array | Float64Array,
  index: number,
  count: number,
): void {
  const { features, tile, address, width } = port;
  const from = cells(heap, port);
  const first = index * tile;
  const rows = Math.min(tile, count - first);
  const start = address / width;
  for (let feature = 0; feature < features; feature++) {
    let to = first * features + feature;
    const source = start + feature * tile;
    for (let row = 0; row < rows; row++, to += features) out[to] = from[source + row]!;
  }
}

/** Reads an array that has no rows. */
export function readPort(heap: Heap, port: Port, out: Float32Array | Float64Array): void {
  const start = port.address / port.width;
  const from = cells(heap, port);
  if (out.length <= SMALL) for (let i = 0; i < out.length; i++) out[i] = from[start + i]!;
  else out.set(from.subarray(start, start + out.length));
}

/** What a port holds in a tile, bit by bit, whatever it is: to be written back later. */
export function savePort(heap: Heap, port: Port, out: Float32Array | Float64Array, index: number): void {
  const from = port.width === 8 ? heap.float64 : heap.float32;
  const start = port.address / port.width;
  out.set(from.subarray(start, start + port.entries), index * port.entries);
}

/** Writes back what was saved. */
export function restorePort(heap: Heap, port: Port, data: Float32Array | Float64Array, index: number): void {
  const to = port.width === 8 ? heap.float64 : heap.float32;
  to.set(data.subarray(index * port.entries, (index + 1) * port.entries), port.address / port.width);
}
