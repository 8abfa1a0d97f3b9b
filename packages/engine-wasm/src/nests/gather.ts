import { get, integer, multiplyIntegers, set, type Emitter } from '../encode/emitter.ts';
import type { Scene } from './node.ts';
import type { View } from './view.ts';
import { createWalk, load, memory, store, type Access } from './walk.ts';

/** Entries along one axis of an array that an index chooses. */
interface Chosen {
  /** The array that the indices go into, and its axis. */
  readonly whole: View;
  readonly axis: number;
  /** The array of what is chosen, with the axis of the indices in the same place. */
  readonly parts: View;
  /** One axis. */
  readonly indices: View;
}

/** Copies what the indices choose, or adds it to where it was chosen from. */
export function emitChosen(
  emitter: Emitter,
  scene: Scene,
  { whole, axis, parts, indices }: Chosen,
  mode: 'copy' | 'add',
): void {
  if (parts.shape.includes(0) || whole.shape.includes(0)) return;
  const { lanes } = scene;
  const others = parts.shape.map((extent, i) => ({ extent, i })).filter(({ i }) => i !== axis);
  if (others.length === 0) others.push({ extent: 1, i: -1 });
  const count = parts.shape[axis]!;
  const inner = others.reduce(
    (best, { i, extent }, k) => (i >= 0 && parts.strides[i] === 1 && extent > 1 ? k : best),
    others.length - 1,
  );
  const shift = emitter.local('i32');
  const along = (view: View, own: number): number[] => [
    own,
    ...others.map(({ i }) => (i < 0 ? 0 : view.strides[i]!)),
  ];
  const part: Access = { ...parts, strides: along(parts, parts.strides[axis]!) };
  const chosen: Access = { ...whole, strides: along(whole, 0), shift: get(shift) };
  const index: Access = { ...indices, strides: [indices.strides[0] ?? 0, ...others.map(() => 0)] };
  const extents = [count, ...others.map(({ extent }) => extent)];
  const walk = createWalk(emitter, scene, extents, [part, chosen, index]);
  const at = new Array<number>(extents.length).fill(0);
  const copy = (place: number, valid: number): void => {
    const here = at.map((entry, k) => (k === inner + 1 ? place : entry));
    const read = (access: Access) => load(walk, access, here, inner + 1, valid);
    if (mode === 'copy') {
      emitter.emit(store(walk, part, here, inner + 1, valid, lanes.keep(read(chosen))));
      return;
    }
    const sum = lanes.keep(lanes.add(read(chosen), read(part)));
    emitter.emit(store(walk, chosen, here, inner + 1, valid, sum));
  };
  const loops = (k: number): void => {
    if (k === extents.length) {
      const extent = extents[inner + 1]!;
      const full = Math.floor(extent / lanes.count);
      walk.loop(inner + 1, full, lanes.count, () => copy(0, lanes.count));
      if (extent % lanes.count > 0) copy(full * lanes.count, extent % lanes.count);
    } else if (k === inner + 1) loops(k + 1);
    else walk.loop(k, extents[k]!, 1, () => loops(k + 1));
  };
  walk.loop(0, count, 1, () => {
    const { pointer, offset } = walk.address(index, at);
    const read =
      lanes.width === 8
        ? [...pointer, 0x2b, ...memory(offset), 0xfc, 0x02]
        : [...pointer, 0x28, ...memory(offset)];
    const at_ = emitter.keep(read, 'i32');
    const isInside = [...at_, ...integer(whole.shape[axis]!), 0x49];
    emitter.emit(set(shift, multiplyIntegers(at_, integer(whole.strides[axis]! * whole.buffer.width))));
    emitter.when(isInside, () => loops(1));
  });
}
