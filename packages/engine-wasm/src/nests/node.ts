import type { Code } from '../encode/bytes.ts';
import type { Integers } from '../functions/integers.ts';
import type { Lanes } from '../functions/lanes.ts';
import type { Buffer, View } from './view.ts';

/** What the lanes of a vector hold: numbers, integers, or truth values with all bits set or none. */
export type Kind = 'float' | 'int' | 'mask';

/** Arithmetic of the function that is being written. */
export interface Scene {
  readonly lanes: Lanes;
  readonly integers: Integers;
  /** Where an array begins: a number of bytes, and, where that differs from call to call, what is to be added. */
  readonly place: (buffer: Buffer) => { readonly address: number; readonly shift?: Code };
}

/** Σₖ a[…, k] b[…, k], both as arrays over the axes of the result and k. */
export interface Product {
  readonly a: View;
  readonly b: View;
  readonly terms: number;
}

/** A value that is computed entry by entry. */
export interface Node {
  readonly kind: Kind;
  readonly operands: readonly Node[];
  /** Of an array in memory, broadcast to the shape of the loop. */
  readonly view?: View;
  readonly product?: Product;
  /** What it is made by: nodes with the same name and operands are the same code. */
  readonly name: string;
  readonly make: (scene: Scene, operands: readonly Code[]) => Code;
}

/** Entries that are read where they stand. */
export const loaded = (view: View, kind: Kind): Node => ({
  kind,
  operands: [],
  view,
  name: '',
  make: () => [],
});

/** What values are made of, themselves included, each behind its operands. */
export function reachable(roots: readonly Node[]): Node[] {
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    node.operands.forEach(visit);
    seen.add(node);
  };
  roots.forEach(visit);
  return [...seen];
}
