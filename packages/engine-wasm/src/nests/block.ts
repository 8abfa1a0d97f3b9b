import type { Code } from '../encode/bytes.ts';
import { get, set, type Emitter } from '../encode/emitter.ts';
import type { Node, Scene } from './node.ts';
import type { View } from './view.ts';
import { load, store, type Access, type Walk } from './walk.ts';

/** Terms of a product up to which they are written out. */
const UNROLLED = 8;
/** What the blocks of a loop share. */
export interface Block {
  readonly emitter: Emitter;
  readonly scene: Scene;
  readonly walk: Walk;
  readonly accesses: ReadonlyMap<View, Access>;
  readonly stores: readonly { readonly node: Node; readonly view: View }[];
  readonly products: readonly Node[];
  readonly axes: number;
}

/** Some rows of some vectors, the last of which has `valid` entries. */
export function emitBlock(
  block: Block,
  at: readonly number[],
  rows: number,
  vectors: number,
  valid: number,
): void {
  const { scene, walk, accesses, stores, products, axes } = block;
  const { lanes } = scene;
  const [across, along] = [axes - 2, axes - 1];
  const place = (row: number, vector: number, term = 0): number[] =>
    at.map((entry, axis) => {
      if (axis === axes) return entry + term;
      return entry + (axis === across ? row : axis === along ? vector * lanes.count : 0);
    });
  const validAt = (vector: number): number => (vector === vectors - 1 ? valid : lanes.count);
  /** What differs between the parts of the block: its own row and vector, or the first where it does not. */
  const varies = new Map<Node, readonly [boolean, boolean]>();
  const variesIn = (node: Node): readonly [boolean, boolean] => {
    let known = varies.get(node);
    if (!known) {
      const own = [node.view, node.product?.a, node.product?.b].flatMap((view) => view ?? []);
      const strides = own.map((view) => accesses.get(view)!.strides);
      const of = (axis: number, k: 0 | 1): boolean =>
        strides.some((each) => (each[axis] ?? 0) !== 0) || node.operands.some((x) => variesIn(x)[k]);
      varies.set(node, (known = [across >= 0 && of(across, 0), of(along, 1)]));
    }
    return known;
  };
  const made = new Map<Node, Map<string, Code>>();
  for (const product of products)
    made.set(product, accumulated(block, product, rows, vectors, place, validAt));
  const value = (node: Node, row: number, vector: number): Code => {
    const [byRow, byVector] = variesIn(node);
    const key = `${byRow ? row : 0},${byVector ? vector : 0}`;
    let own = made.get(node);
    if (!own) made.set(node, (own = new Map<string, Code>()));
    let code = own.get(key);
    if (!code) {
      const { view, operands } = node;
      const operandsHere = operands.map((x) => value(x, row, vector));
      const fresh = view
        ? load(walk, accesses.get(view)!, place(row, vector), along, validAt(vector))
        : node.make(scene, operandsHere);
      own.set(key, (code = lanes.keep(fresh)));
    }
    return code;
  };
  for (let row = 0; row < rows; row++)
    for (let vector = 0; vector < vectors; vector++)
      for (const { node, view } of stores) {
        const result = value(node, row, vector);
        const access = accesses.get(view)!;
        block.emitter.emit(store(walk, access, place(row, vector), along, validAt(vector), result));
      }
}

/** Sums of products for every part of a block, in locals. */
function accumulated(
  { emitter, scene, walk, accesses, axes }: Block,
  { product }: Node,
  rows: number,
  vectors: number,
  place: (row: number, vector: number, term: number) => number[],
  validAt: (vector: number) => number,
): Map<string, Code> {
  const { a, b, terms } = product!;
  const { lanes } = scene;
  const [across, along] = [axes - 2, axes - 1];
  const sums = new Map<string, number>();
  const reader = (view: View) => {
    const access = accesses.get(view)!;
    const [byRow, byVector] = [across >= 0 && access.strides[across] !== 0, access.strides[along] !== 0];
    const read = new Map<string, Code>();
    return (row: number, vector: number, term: number): Code => {
      const key = `${byRow ? row : 0},${byVector ? vector : 0},${term}`;
      let code = read.get(key);
      if (!code)
        read.set(
          key,
          (code = lanes.keep(load(walk, access, place(row, vector, term), along, validAt(vector)))),
        );
      return code;
    };
  };
  const addTerms = (count: number, isFirst: boolean, from = 0): void => {
    const [readA, readB] = [reader(a), reader(b)];
    for (let term = 0; term < count; term++)
      for (let row = 0; row < rows; row++)
        for (let vector = 0; vector < vectors; vector++) {
          const key = `${row},${vector}`;
          let sum = sums.get(key);
          const [x, y] = [readA(row, vector, from + term), readB(row, vector, from + term)];
          if (sum === undefined) sums.set(key, (sum = emitter.local('v128')));
          const isNew = isFirst && term === 0;
          emitter.emit(set(sum, isNew ? lanes.mul(x, y) : lanes.mulAdd(x, y, get(sum))));
        }
  };
  if (terms <= UNROLLED) addTerms(terms, true);
  else {
    for (let row = 0; row < rows; row++)
      for (let vector = 0; vector < vectors; vector++) {
        const sum = emitter.local('v128');
        sums.set(`${row},${vector}`, sum);
        emitter.emit(set(sum, lanes.number(0)));
      }
    const step = UNROLLED / 2;
    const count = Math.floor(terms / step);
    walk.loop(axes, count, step, () => addTerms(step, false));
    if (terms % step > 0) addTerms(terms % step, false, count * step);
  }
  return new Map([...sums].map(([key, local]) => [key, get(local)]));
}
