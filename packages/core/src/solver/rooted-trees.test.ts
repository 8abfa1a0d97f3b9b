import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTree, rootedTrees } from './rooted-trees.ts';
import type { RootedTree } from './rooted-trees.ts';

const orders = [1, 2, 3, 4, 5, 6, 7, 8];

/** Subtrees grouped by identity: the same tree is the same object. */
function multiplicities(tree: RootedTree): Map<RootedTree, number> {
  const counts = new Map<RootedTree, number>();
  for (const subtree of tree.subtrees) counts.set(subtree, (counts.get(subtree) ?? 0) + 1);
  return counts;
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

/** σ(t), the number of automorphisms. */
function symmetry(tree: RootedTree): number {
  let product = 1;
  for (const [subtree, count] of multiplicities(tree))
    product *= symmetry(subtree) ** count * factorial(count);
  return product;
}

/** A tree given by the parent of each vertex but the root, where parents come first: sizes and a sorted notation. */
function fromParents(parents: readonly number[]): { density: number; notation: string } {
  const children = new Map<number, number[]>();
  parents.forEach((parent, i) => children.set(parent, [...(children.get(parent) ?? []), i + 1]));
  const size = (vertex: number): number =>
    (children.get(vertex) ?? []).reduce((total, child) => total + size(child), 1);
  const notation = (vertex: number): string => {
    const inner = (children.get(vertex) ?? []).map(notation).sort();
    return inner.length === 0 ? 'τ' : `[${inner.join(',')}]`;
  };
  // γ is the product of the sizes of the subtrees that hang at each vertex (hook lengths).
  const sizes = Array.from({ length: parents.length + 1 }, (_, vertex) => size(vertex));
  const density = sizes.reduce((product, n) => product * n, 1);
  return { density, notation: notation(0) };
}

/** The notation of a tree with the subtrees sorted as strings, as in `fromParents`. */
function sortedNotation(tree: RootedTree): string {
  const inner = tree.subtrees.map(sortedNotation).sort();
  return inner.length === 0 ? 'τ' : `[${inner.join(',')}]`;
}

describe('rootedTrees', () => {
  test('are as many as there are (OEIS A000081)', () => {
    expect([...orders, 9, 10].map((n) => rootedTrees(n).length)).toEqual([
      1, 1, 2, 4, 9, 20, 48, 115, 286, 719,
    ]);
  });

  test('are the four of order 4, in brackets, with their densities', () => {
    const found = rootedTrees(4).map((tree) => `${formatTree(tree)} ${tree.density}`);
    expect(found.sort()).toEqual(['[[[τ]]] 24', '[[τ,τ]] 12', '[τ,[τ]] 8', '[τ,τ,τ] 4']);
  });

  test.each(orders)('of order %i are distinct and have that order', (n) => {
    const trees = rootedTrees(n);
    expect(new Set(trees.map(sortedNotation)).size).toBe(trees.length);
    for (const tree of trees) {
      expect(tree.order).toBe(n);
      expect(formatTree(tree).split('τ').length - 1 + formatTree(tree).split('[').length - 1).toBe(n);
    }
  });

  // Every tree counted with its weight: a missing, double or wrong one breaks these sums.
  test.each(orders)('of order %i have (n − 1)! monotonic labellings, and n^(n − 1) labellings', (n) => {
    const trees = rootedTrees(n);
    const sum = (term: (tree: RootedTree) => number): number =>
      trees.reduce((total, t) => total + term(t), 0);
    expect(sum((t) => factorial(n) / (symmetry(t) * t.density))).toBeCloseTo(factorial(n - 1), 6);
    expect(sum((t) => factorial(n) / symmetry(t))).toBe(n ** (n - 1));
  });

  test('contain every tree that can be drawn, with the density that its hook lengths give', () => {
    const parents = fc
      .integer({ min: 0, max: 8 })
      .chain((edges) => fc.tuple(...Array.from({ length: edges }, (_, i) => fc.integer({ min: 0, max: i }))));
    fc.assert(
      fc.property(parents, (drawn) => {
        const { density, notation } = fromParents(drawn);
        const matches = rootedTrees(drawn.length + 1).filter((tree) => sortedNotation(tree) === notation);
        expect(matches.map((tree) => tree.density)).toEqual([density]);
      }),
    );
  });

  test('are made of the very trees of lower order', () => {
    for (const tree of rootedTrees(7)) {
      for (const subtree of tree.subtrees) expect(rootedTrees(subtree.order)).toContain(subtree);
    }
  });
});
