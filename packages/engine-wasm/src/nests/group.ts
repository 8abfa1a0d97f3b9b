import type { Emitter } from '../encode/emitter.ts';
import { emitBlock, type Block } from './block.ts';
import { reachable, type Node, type Scene } from './node.ts';
import type { View } from './view.ts';
import { signatureOf, type Signature } from './signature.ts';
import { createWalk, type Access } from './walk.ts';

/** What one loop computes: values entry by entry, products first, and where they are stored. */
export interface Group {
  readonly shape: readonly number[];
  readonly stores: { readonly node: Node; readonly view: View }[];
}

/** What a group's code depends on, the values that it computes numbered. */
export function groupSignature({ shape, stores }: Group, nodes: readonly Node[]): Signature {
  const numbers = new Map(nodes.map((node, i) => [node, i]));
  return signatureOf((view) => {
    const values = nodes.map(({ kind, name, operands, view: from, product }) =>
      [
        ...[kind, name, operands.map((node) => numbers.get(node)).join()],
        ...(from ? [view(from)] : []),
        ...(product ? [view(product.a), view(product.b), product.terms] : []),
      ].join(' '),
    );
    const stored = stores.map(({ node, view: to }) => `${numbers.get(node)} ${view(to)}`);
    return [shape.join(), ...values, '=', ...stored].join('\n');
  });
}

/** Vectors that elementwise loops treat in a row. */
const VECTORS = 4;
/** Calls in one round of a loop that pay for no more of them. */
const CALLS = 160;

/** A run of blocks along an axis. */
interface Piece {
  readonly from: number;
  readonly size: number;
  readonly count: number;
}

/** Writes a group's loops. */
export function emitGroup(emitter: Emitter, scene: Scene, group: Group): void {
  if (group.stores.length === 0 || group.shape.includes(0)) return;
  const nodes = reachable(group.stores.map(({ node }) => node));
  const products = nodes.filter(({ product }) => product);
  const { axes, accesses } = arrange(group, nodes);
  const { count: lanes } = scene.lanes;
  const last = axes.length - 1;
  const walk = createWalk(
    emitter,
    scene,
    [...axes.map(({ extent }) => extent), Math.max(1, ...products.map(({ product }) => product!.terms))],
    [...accesses.values()],
  );
  const block: Block = { emitter, scene, walk, accesses, stores: group.stores, products, axes: axes.length };
  const vectors = Math.ceil(axes[last]!.extent / lanes);
  const isCut = axes[last]!.extent % lanes > 0;
  const whole = products.length > 0 ? productPieces(vectors) : pieces(vectors, budget(nodes.length));
  const columns = isCut ? withoutLast(whole) : whole;
  const nested = products.length > 0 && last > 0;
  const outer = nested ? last - 1 : last;
  const loopsFrom = (axis: number, body: () => void): void => {
    if (axis === outer) body();
    else walk.loop(axis, axes[axis]!.extent, 1, () => loopsFrom(axis + 1, body));
  };
  loopsFrom(0, () => {
    for (const column of columns) {
      const height = nested ? Math.max(1, Math.floor(8 / column.size)) : 1;
      const rows = nested ? pieces(axes[last - 1]!.extent, height) : [{ from: 0, size: 1, count: 1 }];
      for (const row of rows) {
        const at = new Array<number>(axes.length + 1).fill(0);
        if (nested) at[last - 1] = row.from;
        at[last] = column.from * lanes;
        // Only the last block holds what is less than a vector.
        const rest = axes[last]!.extent - (column.from + column.size * column.count - 1) * lanes;
        const columnLoop = (): void =>
          walk.loop(last, column.count, column.size * lanes, () =>
            emitBlock(block, at, row.size, column.size, Math.min(lanes, rest)),
          );
        if (nested) walk.loop(last - 1, row.count, row.size, columnLoop);
        else columnLoop();
      }
    }
  });
}

const budget = (nodes: number): number => Math.max(1, Math.min(VECTORS, Math.floor(CALLS / nodes)));

/** The last block as a piece of its own. */
function withoutLast(all: readonly Piece[]): Piece[] {
  const { from, size, count } = all.at(-1)!;
  if (count === 1) return [...all];
  const last = { from: from + size * (count - 1), size, count: 1 };
  return [...all.slice(0, -1), { from, size, count: count - 1 }, last];
}

/** Blocks of `size`, and the rest. */
function pieces(extent: number, size: number): Piece[] {
  const count = Math.floor(extent / size);
  const rest = extent - count * size;
  return [
    ...(count > 0 ? [{ from: 0, size, count }] : []),
    ...(rest > 0 ? [{ from: count * size, size: rest, count: 1 }] : []),
  ];
}

/** Two vectors at a time; three at the end of an odd number. */
function productPieces(vectors: number): Piece[] {
  if (vectors % 2 === 0 || vectors === 1) return pieces(vectors, Math.min(2, vectors));
  const pairs = (vectors - 3) / 2;
  return [...(pairs > 0 ? [{ from: 0, size: 2, count: pairs }] : []), { from: 2 * pairs, size: 3, count: 1 }];
}

interface Arrangement {
  readonly axes: readonly { readonly extent: number }[];
  /** By view, with strides along these axes and, last, along the terms of a product. */
  readonly accesses: ReadonlyMap<View, Access>;
}

/** Axes in the order of memory, the innermost last, and those together that are one in all arrays. */
function arrange({ shape, stores }: Group, nodes: readonly Node[]): Arrangement {
  const views = [
    ...stores.map(({ view }) => view),
    ...nodes.flatMap(({ view, product }) => [view ?? [], product ? [product.a, product.b] : []].flat()),
  ];
  const [first] = views as [View];
  const order = shape
    .map((extent, axis) => ({ extent, axis }))
    .filter(({ extent }) => extent > 1)
    .sort((a, b) => Math.abs(first.strides[b.axis]!) - Math.abs(first.strides[a.axis]!) || a.axis - b.axis);
  const axes: { extent: number; axis: number }[] = [];
  for (const { extent, axis } of order) {
    const before = axes.at(-1);
    const isOne = before && views.every(({ strides }) => strides[before.axis] === strides[axis]! * extent);
    if (isOne) axes.splice(-1, 1, { extent: before.extent * extent, axis });
    else axes.push({ extent, axis });
  }
  if (axes.length === 0) axes.push({ extent: 1, axis: -1 });
  const accesses = new Map<View, Access>();
  for (const view of views) {
    const along = axes.map(({ axis }) => (axis < 0 ? 0 : view.strides[axis]!));
    accesses.set(view, { ...view, strides: [...along, view.strides[shape.length] ?? 0] });
  }
  return { axes, accesses };
}
