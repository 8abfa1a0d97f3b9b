import type { Code } from '../encode/bytes.ts';
import { get, set, type Emitter } from '../encode/emitter.ts';
import type { Scene } from './node.ts';
import type { View } from './view.ts';
import { createWalk, load, store, type Walk } from './walk.ts';

/** What goes along an axis, one entry after the other, for vectors of entries beside one another. */
interface Scan {
  /** Sets up what is carried, and gives what one entry does to it. */
  readonly begin: (scene: Scene) => (x: Code) => Code | undefined;
  /** What is stored at the end, where entries store nothing. */
  readonly views: { readonly x: View; readonly out: View };
  readonly axis: number;
  readonly end?: () => Code;
}

function emitScan(emitter: Emitter, scene: Scene, { begin, views: { x, out }, axis, end }: Scan): void {
  if (x.shape.includes(0)) return;
  const { lanes } = scene;
  const others = x.shape.map((extent, i) => ({ extent, i })).filter(({ i }) => i !== axis);
  if (others.length === 0) others.push({ extent: 1, i: -1 });
  const inner = others.reduce((best, { i, extent }, k) => {
    const isUnit = i >= 0 && x.strides[i] === 1 && extent > 1;
    return isUnit ? k : best;
  }, others.length - 1);
  const strides = (view: View): number[] => [
    ...others.map(({ i }) => (i < 0 ? 0 : view.strides[i]!)),
    view.strides[axis]!,
  ];
  const [from, to] = [
    { ...x, strides: strides(x) },
    { ...out, strides: strides(out) },
  ];
  const steps = others.length;
  const walk: Walk = createWalk(
    emitter,
    scene,
    [...others.map(({ extent }) => extent), x.shape[axis]!],
    [from, to],
  );
  const at = new Array<number>(steps + 1).fill(0);
  const along = (place: number, valid: number): void => {
    const here = at.map((entry, k) => (k === inner ? place : entry));
    const take = begin(scene);
    walk.loop(steps, x.shape[axis]!, 1, () => {
      const result = take(lanes.keep(load(walk, from, here, inner, valid)));
      if (result) emitter.emit(store(walk, to, here, inner, valid, result));
    });
    if (end) emitter.emit(store(walk, to, here, inner, valid, end()));
  };
  const loops = (k: number): void => {
    if (k === steps) {
      const { extent } = others[inner]!;
      const whole = Math.floor(extent / lanes.count);
      walk.loop(inner, whole, lanes.count, () => along(0, lanes.count));
      if (extent % lanes.count > 0) along(whole * lanes.count, extent % lanes.count);
    } else if (k === inner) loops(k + 1);
    else walk.loop(k, others[k]!.extent, 1, () => loops(k + 1));
  };
  loops(0);
}

/** Sums or products of all entries up to each, itself included or not. */
export function emitCumulative(
  emitter: Emitter,
  scene: Scene,
  views: { readonly x: View; readonly out: View },
  axis: number,
  by: { readonly start: Code; readonly combine: (a: Code, b: Code) => Code; readonly exclusive: boolean },
): void {
  const begin = (): ((x: Code) => Code) => {
    const carried = emitter.local('v128');
    emitter.emit(set(carried, by.start));
    return (x) => {
      const before = by.exclusive ? scene.lanes.keep(get(carried)) : get(carried);
      emitter.emit(set(carried, by.combine(get(carried), x)));
      return before;
    };
  };
  emitScan(emitter, scene, { begin, views, axis });
}

/** Where the largest entry along an axis is, by `isBetter`; the first of several. */
export function emitArgument(
  emitter: Emitter,
  scene: Scene,
  views: { readonly x: View; readonly out: View },
  axis: number,
  isBetter: (a: Code, b: Code) => Code,
): void {
  const { lanes, integers } = scene;
  let index = -1;
  const begin = (): ((x: Code) => undefined) => {
    const [best, count] = [emitter.local('v128'), emitter.local('v128')];
    index = emitter.local('v128');
    emitter.emit(set(index, integers.number(-1)));
    emitter.emit(set(count, integers.number(0)));
    return (x) => {
      const isFirst = integers.eq(get(count), integers.number(0));
      const mask = lanes.keep(lanes.or(isFirst, isBetter(x, get(best))));
      emitter.emit(set(best, lanes.select(mask, x, get(best))));
      emitter.emit(set(index, lanes.select(mask, get(count), get(index))));
      emitter.emit(set(count, integers.add(get(count), integers.number(1))));
      return undefined;
    };
  };
  emitScan(emitter, scene, { begin, views, axis, end: () => get(index) });
}
