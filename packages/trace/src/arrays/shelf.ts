import type { Shelf, State } from '@odegrad/core';

import { floats, type FloatData, type FloatType } from '../ir/floats.ts';
import { take, wrap, type ArrayKind, type HostArray } from './host-array.ts';

/** Bytes of a state beside which an array of its own weighs little: it takes a hundred times a state of two numbers. */
const SHELF_BYTES = 4096;
/** Bytes of a slab, and states at least. */
const SLAB = { bytes: 4096, states: 16 } as const;

interface Slab {
  readonly data: FloatData;
  /** States that are there. */
  count: number;
}

/** A shelf for small states: as many as fit stand side by side in one array. */
export function shelfFor(float: FloatType, y: State<HostArray>): Shelf<HostArray> | undefined {
  const kinds: readonly ArrayKind[] = y.map(({ kind }) => kind);
  const bytes = kinds.reduce((sum, kind) => sum + kind.bytes, 0);
  if (bytes === 0 || bytes > SHELF_BYTES) return undefined;
  const stride = kinds.reduce((sum, { size }) => sum + size, 0);
  const perSlab = Math.max(SLAB.states, Math.floor(SLAB.bytes / bytes));
  const slabs = new Map<number, Slab>();
  const slabOf = (index: number): Slab | undefined => slabs.get(Math.floor(index / perSlab));
  const offset = (index: number): number => (index % perSlab) * stride;
  const peek = (index: number): State<HostArray> => {
    const { data } = slabOf(index)!;
    let at = offset(index);
    return kinds.map((kind) => wrap(kind, data.subarray(at, (at += kind.size))));
  };
  return {
    put(index, state) {
      let slab = slabOf(index);
      if (!slab) {
        slab = { data: floats(float, perSlab * stride), count: 0 };
        slabs.set(Math.floor(index / perSlab), slab);
      }
      slab.count += 1;
      let at = offset(index);
      for (const { data, kind } of state) {
        slab.data.set(data as FloatData, at);
        at += kind.size;
      }
    },
    get: (index) =>
      peek(index).map(({ kind, data }) => {
        const x = take(kind);
        (x.data as FloatData).set(data as FloatData);
        return x;
      }),
    peek,
    remove(index) {
      const slab = slabOf(index)!;
      slab.count -= 1;
      if (slab.count === 0) slabs.delete(Math.floor(index / perSlab));
    },
  };
}
