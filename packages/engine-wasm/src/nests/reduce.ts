import type { Code } from '../encode/bytes.ts';
import { get, set, type Emitter } from '../encode/emitter.ts';
import { acrossLanes } from './horizontal.ts';
import type { Scene } from './node.ts';
import type { View } from './view.ts';
import { createWalk, load, store } from './walk.ts';

/** How entries become one. */
export interface Reduction {
  readonly start: (scene: Scene) => Code;
  readonly combine: (scene: Scene, a: Code, b: Code) => Code;
  /** What is done to the result. */
  readonly finish?: (scene: Scene, x: Code) => Code;
}

/** Accumulators in a row. */
const VECTORS = 4;

/** Reduces the axes of `x` that `reduced` names to `out`, which has the others. */
export function emitReduce(
  emitter: Emitter,
  scene: Scene,
  { x, out, reduced, by }: { x: View; out: View; reduced: readonly number[]; by: Reduction },
): void {
  if (out.shape.includes(0)) return;
  const all = x.shape.map((extent, axis) => ({ extent, axis, stride: x.strides[axis]! }));
  const kept = all.filter(({ axis }) => !reduced.includes(axis));
  const gone = all.filter(({ axis }) => reduced.includes(axis));
  const { lanes } = scene;
  const neighbours = ({ stride, extent }: { stride: number; extent: number }): boolean =>
    stride === 1 && extent > 1;
  const inner = kept.findIndex(neighbours);
  const along = gone.findIndex((axis) => neighbours(axis) && axis.extent >= lanes.count);
  // Lanes are entries of the result where those are neighbours, else entries that become one.
  const isAcross = inner < 0 && along >= 0;
  const lane =
    inner >= 0
      ? inner
      : isAcross
        ? kept.length + along
        : kept.reduce((best, axis, i) => (axis.extent > (kept[best]?.extent ?? 0) ? i : best), 0);
  // A result of one entry has an axis all the same.
  const axes = [...kept, ...gone];
  if (axes.length === 0 || (kept.length === 0 && !isAcross)) axes.unshift({ extent: 1, axis: -1, stride: 0 });
  const first = axes.length - gone.length;
  const from = { ...x, strides: axes.map(({ stride }) => stride) };
  const to = {
    ...out,
    strides: axes.map(({ axis }, i) => (i < kept.length && axis >= 0 ? out.strides[i]! : 0)),
  };
  const walk = createWalk(
    emitter,
    scene,
    axes.map(({ extent }) => extent),
    [from, to],
  );
  const at = new Array<number>(axes.length).fill(0);
  const { extent } = axes[lane]!;
  const whole = Math.floor(extent / lanes.count);
  const rest = extent % lanes.count;

  const loops = (list: readonly number[], body: () => void): void => {
    const [axis, ...others] = list;
    if (axis === undefined) body();
    else walk.loop(axis, axes[axis]!.extent, 1, () => loops(others, body));
  };
  const numbers = (start: number, end: number): number[] =>
    Array.from({ length: end - start }, (_, i) => start + i).filter((axis) => axis !== lane);
  const outer = numbers(0, first);
  const summed = numbers(first, axes.length);
  const placed = (vectors: number): number[] =>
    at.map((entry, axis) => (axis === lane ? vectors * lanes.count : entry));
  const begin = (): number => {
    const local = emitter.local('v128');
    emitter.emit(set(local, by.start(scene)));
    return local;
  };
  const take = (local: number, value: Code): void =>
    emitter.emit(set(local, by.combine(scene, get(local), value)));
  const end = (x_: Code): Code => lanes.keep(by.finish ? by.finish(scene, x_) : x_);

  loops(outer, () => {
    if (isAcross) {
      const locals = Array.from({ length: Math.min(VECTORS, whole) }, begin);
      const rounds = Math.floor(whole / locals.length);
      loops(summed, () => {
        walk.loop(lane, rounds, locals.length * lanes.count, () =>
          locals.forEach((local, i) => take(local, load(walk, from, placed(i), lane, lanes.count))),
        );
        for (let i = rounds * locals.length; i < whole; i++)
          take(locals[i % locals.length]!, load(walk, from, placed(i), lane, lanes.count));
        if (rest === 0) return;
        const mask = Array.from({ length: 16 }, (_, byte) => (byte < rest * lanes.width ? 255 : 0));
        const value = load(walk, from, placed(whole), lane, rest);
        take(locals[0]!, lanes.select(emitter.constant(mask), value, by.start(scene)));
      });
      const joined = locals
        .slice(1)
        .reduce<Code>((sum, local) => by.combine(scene, sum, get(local)), get(locals[0]!));
      const result = acrossLanes(lanes, joined, (a, b) => by.combine(scene, a, b));
      emitter.emit(store(walk, to, at, lane, 1, end(result)));
      return;
    }
    const vectorsAt = (place: number, vectors: number, valid: number): void => {
      const locals = Array.from({ length: vectors }, begin);
      loops(summed, () =>
        locals.forEach((local, i) => take(local, load(walk, from, placed(place + i), lane, valid))),
      );
      locals.forEach((local, i) =>
        emitter.emit(store(walk, to, placed(place + i), lane, valid, end(get(local)))),
      );
    };
    const rounds = Math.floor(whole / VECTORS);
    walk.loop(lane, rounds, VECTORS * lanes.count, () => vectorsAt(0, VECTORS, lanes.count));
    if (whole % VECTORS > 0) vectorsAt(rounds * VECTORS, whole % VECTORS, lanes.count);
    if (rest > 0) vectorsAt(whole, 1, rest);
  });
}
