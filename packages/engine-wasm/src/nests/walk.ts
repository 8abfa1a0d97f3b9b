import { unsigned, type Code } from '../encode/bytes.ts';
import { addIntegers, get, integer, set, type Emitter } from '../encode/emitter.ts';
import { vector } from '../functions/lanes.ts';
import type { Scene } from './node.ts';
import type { View } from './view.ts';

/** An array that loops walk over: its strides are those of the loops. */
export interface Access extends Pick<View, 'buffer' | 'offset' | 'strides'> {
  /** Bytes to be added, which are known when it runs. */
  readonly shift?: Code;
}

/** Loops over axes, and where arrays are read and written within them. */
export interface Walk {
  /** Loops along an axis, `count` times by `step` entries. Afterwards it stands where it stood. */
  loop(axis: number, count: number, step: number, body: () => void): void;
  /** The code of a load or store, its operands before and behind the address; `at` adds entries along axes. */
  address(access: Access, at: readonly number[]): { readonly pointer: Code; readonly offset: number };
}

/** A memory argument: alignment, which is a hint, and what is added to the address. */
export const memory = (offset: number): Code => [0, ...unsigned(offset)];

/**
 * Arrays whose strides are the same, and that move alike from one call to the next, share a pointer; all else is in the offsets of
 * the instructions. A pointer starts where negative strides cannot take it below 0.
 */
export function createWalk(
  emitter: Emitter,
  { place }: Scene,
  extents: readonly number[],
  accesses: readonly Access[],
): Walk {
  interface Pointer {
    readonly local: number;
    readonly steps: readonly number[];
    readonly start: number;
  }
  const pointers = new Map<string, Pointer>();
  const stepsOf = ({ strides, buffer }: Access): number[] => strides.map((stride) => stride * buffer.width);
  const keyOf = ({ buffer }: Access, steps: readonly number[]): string =>
    `${place(buffer).shift?.join() ?? ''};${steps.join()}`;
  for (const access of accesses) {
    const steps = stepsOf(access);
    const key = keyOf(access, steps);
    if (pointers.has(key) || steps.every((step, axis) => step === 0 || extents[axis] === 1)) continue;
    const start = steps.reduce((sum, step, axis) => (step < 0 ? sum - step * (extents[axis]! - 1) : sum), 0);
    const local = emitter.local('i32');
    const { shift } = place(access.buffer);
    emitter.emit(set(local, shift ? addIntegers(shift, integer(start)) : integer(start)));
    pointers.set(key, { local, steps, start });
  }
  const ways = new Map<
    Access,
    { readonly steps: readonly number[]; readonly pointer: Pointer | undefined }
  >();
  const move = (axis: number, entries: number): void => {
    for (const { local, steps } of pointers.values()) {
      const by = steps[axis]! * entries;
      if (by !== 0) emitter.emit(set(local, addIntegers(get(local), integer(by))));
    }
  };
  return {
    loop(axis, count, step, body) {
      if (count <= 0) return;
      emitter.repeat(count, () => {
        body();
        if (count > 1) move(axis, step);
      });
      if (count > 1) move(axis, -count * step);
    },
    address(access, at) {
      let way = ways.get(access);
      if (!way) {
        const steps = stepsOf(access);
        ways.set(access, (way = { steps, pointer: pointers.get(keyOf(access, steps)) }));
      }
      const { steps, pointer } = way;
      let fixed = 0;
      for (let axis = 0; axis < steps.length; axis++) fixed += steps[axis]! * (at[axis] ?? 0);
      const placed = place(access.buffer);
      const offset = placed.address + access.offset * access.buffer.width + fixed - (pointer?.start ?? 0);
      const walked = pointer ? get(pointer.local) : placed.shift;
      const { shift } = access;
      return {
        pointer: walked && shift ? addIntegers(walked, shift) : (walked ?? shift ?? integer(0)),
        offset,
      };
    },
  };
}

/** Reads a vector along an axis: neighbours, one entry for all lanes, or entries apart, of which `valid` are there. */
export function load(walk: Walk, access: Access, at: readonly number[], axis: number, valid: number): Code {
  const { width } = access.buffer;
  const stride = access.strides[axis] ?? 0;
  const wide = width === 8;
  const here = walk.address(access, at);
  if (stride === 1) return [...here.pointer, ...vector(0x00), ...memory(here.offset)];
  let code: Code = [...here.pointer, ...vector(wide ? 0x0a : 0x09), ...memory(here.offset)];
  if (stride === 0) return code;
  for (let lane = 1; lane < Math.min(valid, 16 / width); lane++) {
    const next = at.map((entry, k) => (k === axis ? entry + lane : entry));
    const there = walk.address(access, next);
    code = [...there.pointer, ...code, ...vector(wide ? 0x57 : 0x56), ...memory(there.offset), lane];
  }
  return code;
}

/** Writes the first `valid` lanes of a vector along an axis. */
export function store(
  walk: Walk,
  access: Access,
  at: readonly number[],
  axis: number,
  valid: number,
  value: Code,
): Code {
  const { width } = access.buffer;
  const here = walk.address(access, at);
  if (valid * width === 16 && access.strides[axis] === 1)
    return [...here.pointer, ...value, ...vector(0x0b), ...memory(here.offset)];
  const code: number[] = [];
  for (let lane = 0; lane < valid; lane++) {
    const there = walk.address(
      access,
      at.map((entry, k) => (k === axis ? entry + lane : entry)),
    );
    code.push(
      ...there.pointer,
      ...value,
      ...vector(width === 8 ? 0x5b : 0x5a),
      ...memory(there.offset),
      lane,
    );
  }
  return code;
}
