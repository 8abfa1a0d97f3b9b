import { floats, sizeOf, type FloatData, type FloatType } from '@odegrad/trace';

/** An array of this engine: a typed array of JavaScript's, which lives apart from the memory of modules. */
export interface WasmArray {
  readonly data: FloatData;
  readonly kind: ArrayKind;
  /** How many linearizations still read it. */
  holds: number;
  released: boolean;
}

/** Arrays of one shape, and those of them that are free to be used again. */
export interface ArrayKind {
  readonly shape: readonly number[];
  readonly size: number;
  readonly bytes: number;
  readonly float: FloatType;
  readonly free: WasmArray[];
  readonly pool: ArrayPool;
}

/** Where arrays of one precision come from and go back to. */
export interface ArrayPool {
  /** Bytes of arrays that are free. */
  freeBytes: number;
  /** The fewest that were free since `trim` last let some go. */
  leastFreeBytes: number;
  /** Called when a solve begins: what the last ones never used is let go. */
  trim(): void;
  kind(shape: readonly number[]): ArrayKind;
}

/** Bytes of free arrays that a pool keeps at most: what one solve held, the next one wants. */
const FREE_BYTES = 2 ** 30;
/** Solves after which the pool is looked at. */
const TRIMMED = 16;
/** Free arrays of a kind at most. */
const FREE_COUNT = 2 ** 14;

/** A pool: each kind is made once. */
export function createPool(float: FloatType): ArrayPool {
  const kinds = new Map<string, ArrayKind>();
  let solves = 0;
  const pool: ArrayPool = {
    freeBytes: 0,
    leastFreeBytes: 0,
    trim() {
      solves += 1;
      if (solves % TRIMMED > 0) return;
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
    kind(shape) {
      const key = shape.join();
      let kind = kinds.get(key);
      if (!kind) {
        const size = sizeOf(shape);
        const bytes = size * (float === 'float64' ? 8 : 4);
        kinds.set(key, (kind = { shape: [...shape], size, bytes, float, free: [], pool }));
      }
      return kind;
    },
  };
  return pool;
}

/** An array of that kind with whatever values were there. */
export function take(kind: ArrayKind): WasmArray {
  const used = kind.free.pop();
  if (!used) return { data: floats(kind.float, kind.size), kind, holds: 0, released: false };
  const { pool } = kind;
  pool.freeBytes -= kind.bytes;
  pool.leastFreeBytes = Math.min(pool.leastFreeBytes, pool.freeBytes);
  used.released = false;
  return used;
}

/** An array of zeros of that kind. */
export function zeros(kind: ArrayKind): WasmArray {
  const x = take(kind);
  x.data.fill(0);
  return x;
}

/** An array with those values. */
export function arrayOf(pool: ArrayPool, values: ArrayLike<number>, shape: readonly number[]): WasmArray {
  const x = take(pool.kind(shape));
  x.data.set(values);
  return x;
}

/** Gives an array back. It is used again when no linearization reads it any more. */
export function release(x: WasmArray): void {
  x.released = true;
  if (x.holds === 0) recycle(x);
}

export function hold(x: WasmArray): void {
  x.holds += 1;
}

export function unhold(x: WasmArray): void {
  x.holds -= 1;
  if (x.holds === 0 && x.released) recycle(x);
}

function recycle(x: WasmArray): void {
  const { free, bytes, pool } = x.kind;
  if (free.length === FREE_COUNT || pool.freeBytes + bytes > FREE_BYTES) return;
  pool.freeBytes += bytes;
  free.push(x);
}
