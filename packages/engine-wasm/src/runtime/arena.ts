import { EngineError } from '@odegrad/core';

const PAGE = 2 ** 16;
/** Bytes that vectors may read past the last array. */
const SLACK = 64;
const ALIGNMENT = 64;

/** The memory of a field's modules: they are compiled one by one, and each takes its part. */
export interface Arena {
  readonly memory: WebAssembly.Memory;
  /** Where the next array goes. */
  readonly top: number;
  /** Takes so many bytes; gives where they begin. */
  reserve(bytes: number): number;
  /** The same bytes for the same name. */
  shared(name: string, bytes: number): number;
  /** The memory as it is now: not to be kept, since it may grow. */
  heap(): Heap;
  /** For whom the variables were written there last. */
  owner: object | undefined;
  /** How often that changed. */
  epoch: number;
}

interface Heap {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int32: Int32Array;
}

export function createArena(): Arena {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const names = new Map<string, number>();
  let top = ALIGNMENT;
  let heap: Heap | undefined;
  const arena: Arena = {
    memory,
    owner: undefined,
    epoch: 0,
    get top() {
      return top;
    },
    reserve(bytes) {
      const address = top;
      top = Math.ceil((top + bytes) / ALIGNMENT) * ALIGNMENT;
      const missing = Math.ceil((top + SLACK - memory.buffer.byteLength) / PAGE);
      if (missing > 0) {
        try {
          memory.grow(missing);
        } catch (error) {
          throw new EngineError(
            `Engine 'wasm' has no room for ${top} bytes: WebAssembly addresses 4 GiB at most. Cut the batch, or use another engine.`,
            { cause: error },
          );
        }
      }
      return address;
    },
    shared(name, bytes) {
      let address = names.get(name);
      if (address === undefined) names.set(name, (address = arena.reserve(bytes)));
      return address;
    },
    heap() {
      const { buffer } = memory;
      if (heap?.float32.buffer !== buffer)
        heap = {
          float32: new Float32Array(buffer),
          float64: new Float64Array(buffer),
          int32: new Int32Array(buffer),
        };
      return heap;
    },
  };
  return arena;
}
