import { bytesPerElement, type FloatData } from '../ir/floats.ts';
import { sizeOf } from '../ir/program.ts';

type HostData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/**
 * An array of JavaScript's. It has the fields that the binding of ONNX Runtime reads, so it goes in and out of models as it is.
 */
export interface HostArray {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: 'cpu';
  readonly data: HostData;
  readonly kind: ArrayKind;
  /** How many linearizations still read it. */
  holds: number;
  released: boolean;
}

/** Arrays of one shape and type, and those of them that are free to be used again. */
export interface ArrayKind {
  readonly type: string;
  readonly dims: readonly number[];
  readonly size: number;
  readonly bytes: number;
  readonly free: HostArray[];
  readonly pool: ArrayPool;
}

/** Where arrays come from and go back to. */
export interface ArrayPool {
  /** Bytes of arrays that are free. */
  freeBytes: number;
  /** The fewest that were free since `trim` last let some go. */
  leastFreeBytes: number;
  /** Called when a solve begins: what the last ones never used is let go. */
  trim(): void;
  /** Lets them go. */
  clear(): void;
  kind(shape: readonly number[], type: string): ArrayKind;
}

/** Bytes of free arrays that are kept at most: what one solve held, the next one wants, and fresh pages cost more than the arithmetic on them. */
const FREE_BYTES: number = 2 ** 30;
/** … and how many of a kind. */
const FREE_COUNT: number = 2 ** 14;
/** Solves after which that is looked at: those that follow one another in a gradient are no solves to judge by one by one. */
const TRIMMED_SOLVES = 16;

/** A pool: each kind is made once. */
export function createPool(): ArrayPool {
  const kinds = new Map<string, ArrayKind>();
  let solves = 0;
  const pool: ArrayPool = {
    freeBytes: 0,
    leastFreeBytes: 0,
    trim() {
      solves += 1;
      if (solves % TRIMMED_SOLVES > 0) return;
      let surplus = pool.leastFreeBytes;
      for (const { free, bytes } of kinds.values()) {
        // What was given back first lies at the bottom.
        const count = Math.min(free.length, bytes > 0 ? Math.floor(surplus / bytes) : 0);
        free.splice(0, count);
        pool.freeBytes -= count * bytes;
        surplus -= count * bytes;
      }
      pool.leastFreeBytes = pool.freeBytes;
    },
    clear() {
      for (const { free } of kinds.values()) free.length = 0;
      pool.freeBytes = pool.leastFreeBytes = 0;
    },
    kind(shape, type) {
      const key = `${type}[${shape.join()}]`;
      let kind = kinds.get(key);
      if (!kind) {
        const size = sizeOf(shape);
        kind = { type, dims: [...shape], size, bytes: size * bytesPerElement[type]!, free: [], pool };
        kinds.set(key, kind);
      }
      return kind;
    },
  };
  return pool;
}

function storage({ type, size }: ArrayKind): HostData {
  switch (type) {
    case 'float64':
      return new Float64Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'int64':
      return new BigInt64Array(size);
    case 'bool':
    case 'uint8':
      return new Uint8Array(size);
    default:
      return new Float32Array(size);
  }
}

/** An array of that kind with whatever values were there. */
export function take(kind: ArrayKind): HostArray {
  const used = kind.free.pop();
  if (used) {
    const { pool } = kind;
    pool.freeBytes -= kind.bytes;
    if (pool.freeBytes < pool.leastFreeBytes) pool.leastFreeBytes = pool.freeBytes;
    used.released = false;
    return used;
  }
  return wrap(kind, storage(kind));
}

/** Adds summands to an array, entry for entry. */
export function addInto({ data }: HostArray, summands: HostArray['data']): void {
  const [sum, x] = [data as FloatData, summands as FloatData];
  for (let i = 0; i < sum.length; i++) sum[i]! += x[i]!;
}

/** An array of zeros of that kind. */
export function zeros(kind: ArrayKind): HostArray {
  const x = take(kind);
  (x.data as FloatData).fill(0);
  return x;
}

/** An array on data that belongs to somebody else; it never enters the pool unless released. */
export function wrap(kind: ArrayKind, data: HostData): HostArray {
  return { type: kind.type, dims: kind.dims, location: 'cpu', data, kind, holds: 0, released: false };
}

/** Gives an array back. It is used again when no linearization reads it any more. */
export function release(x: HostArray): void {
  x.released = true;
  if (x.holds === 0) recycle(x);
}

export function hold(x: HostArray): void {
  x.holds += 1;
}

export function unhold(x: HostArray): void {
  x.holds -= 1;
  if (x.holds === 0 && x.released) recycle(x);
}

function recycle(x: HostArray): void {
  const { free, bytes, pool } = x.kind;
  if (free.length === FREE_COUNT || bytes > FREE_BYTES) return;
  // What fills it may be of kinds that nobody asks for any more.
  if (pool.freeBytes + bytes > FREE_BYTES) pool.clear();
  pool.freeBytes += bytes;
  free.push(x);
}
