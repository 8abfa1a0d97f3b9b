import type { Code } from '../encode/bytes.ts';
import { get, set, type Emitter } from '../encode/emitter.ts';
import { sumsOfLanes } from './horizontal.ts';
import type { Scene } from './node.ts';
import type { View } from './view.ts';
import { createWalk, load, store, type Access } from './walk.ts';

/** Of arrays [m, k] and [n, k], neighbours along k, the sums Σₖ a b; without `a`, of b alone. */
export interface Dot {
  readonly a?: View;
  readonly b: View;
}

/** Adds the sums of all pairs to `out`, [m, n] with neighbours along n. The number of terms is one of whole vectors. */
export function emitDots(emitter: Emitter, scene: Scene, pairs: readonly Dot[], out: View): void {
  const [rows, columns] = out.shape as [number, number];
  const terms = pairs[0]!.b.shape[1]!;
  if (rows * columns * terms === 0) return;
  const { lanes } = scene;
  const accesses = pairs.map(({ a, b }) => ({
    a: a && ({ ...a, strides: [a.strides[0]!, 0, 1] } satisfies Access),
    b: { ...b, strides: [0, b.strides[0]!, 1] } satisfies Access,
  }));
  const to: Access = { ...out, strides: [out.strides[0]!, out.strides[1]!, 0] };
  const walk = createWalk(
    emitter,
    scene,
    [rows, columns, terms],
    [to, ...accesses.flatMap(({ a, b }) => (a ? [a, b] : [b]))],
  );
  const block = (at: readonly number[], height: number, valid: number): void => {
    const sums = new Map<string, number>();
    const place = (row: number, column: number, term: number): number[] => [
      at[0]! + row,
      at[1]! + column,
      term,
    ];
    for (const { a, b } of accesses) {
      for (let term = 0; term < terms; term += lanes.count) {
        const right = Array.from({ length: valid }, (_, column) =>
          lanes.keep(load(walk, b, place(0, column, term), 2, lanes.count)),
        );
        for (let row = 0; row < height; row++) {
          const left = a && lanes.keep(load(walk, a, place(row, 0, term), 2, lanes.count));
          right.forEach((x, column) => {
            const key = `${row},${column}`;
            let sum = sums.get(key);
            const isNew = sum === undefined;
            if (sum === undefined) sums.set(key, (sum = emitter.local('v128')));
            const added = (): Code => (left ? lanes.mulAdd(left, x, get(sum)) : lanes.add(x, get(sum)));
            emitter.emit(set(sum, isNew ? (left ? lanes.mul(left, x) : x) : added()));
          });
        }
      }
    }
    const zero = lanes.number(0);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < valid; column += lanes.count) {
        const vectors = Array.from({ length: lanes.count }, (_, i) => {
          const sum = sums.get(`${row},${column + i}`);
          return sum === undefined ? zero : get(sum);
        });
        const here = place(row, column, 0);
        const some = Math.min(lanes.count, valid - column);
        const total = lanes.keep(lanes.add(load(walk, to, here, 1, some), sumsOfLanes(lanes, vectors)));
        emitter.emit(store(walk, to, here, 1, some, total));
      }
    }
  };
  const height = Math.min(2, rows);
  const width = 4;
  const strip = (at: number, size: number): void => {
    const whole = Math.floor(columns / width);
    walk.loop(1, whole, width, () => block([at, 0], size, width));
    if (columns % width > 0) block([at, whole * width], size, columns % width);
  };
  walk.loop(0, Math.floor(rows / height), height, () => strip(0, height));
  if (rows % height > 0) strip(rows - (rows % height), rows % height);
}
