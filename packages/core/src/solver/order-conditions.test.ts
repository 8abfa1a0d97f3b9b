import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementaryWeights, firstFailedCondition } from './order-conditions.ts';
import { formatTree, rootedTrees } from './rooted-trees.ts';
import type { RootedTree } from './rooted-trees.ts';

/** Φ(t) by its definition: one index for each vertex, one factor a for each edge, summed over all indices. */
function bruteForce(a: readonly (readonly number[])[], b: readonly number[], tree: RootedTree): number {
  const parents: number[] = [];
  const visit = (t: RootedTree, parent: number): void => {
    const self = parents.push(parent) - 1;
    for (const subtree of t.subtrees) visit(subtree, self);
  };
  visit(tree, -1);
  let total = 0;
  for (let code = 0; code < b.length ** parents.length; code += 1) {
    const index = parents.map((_, v) => Math.floor(code / b.length ** v) % b.length);
    const edges = parents.map((parent, v) =>
      parent < 0 ? b[index[v]!]! : (a[index[parent]!]![index[v]!] ?? 0),
    );
    total += edges.reduce((product, factor) => product * factor, 1);
  }
  return total;
}

const gauss = {
  a: [
    [1 / 4, 1 / 4 - Math.sqrt(3) / 6],
    [1 / 4 + Math.sqrt(3) / 6, 1 / 4],
  ],
  b: [1 / 2, 1 / 2],
};

describe('elementaryWeights', () => {
  test('equal the sums over all stage indices that define them', () => {
    // Multiples of 1/64: every product and sum below is exact in float64.
    const entry = fc.integer({ min: -128, max: 128 }).map((n) => n / 64);
    const matrix = fc.tuple(
      fc.array(entry, { maxLength: 3 }),
      fc.array(entry, { maxLength: 3 }),
      fc.array(entry, { maxLength: 3 }),
    );
    fc.assert(
      fc.property(matrix, fc.tuple(entry, entry, entry), (a, b) => {
        const weight = elementaryWeights(a);
        const absolute = a.map((row) => row.map(Math.abs));
        for (const tree of [1, 2, 3, 4, 5].flatMap(rootedTrees)) {
          const { value, magnitude } = weight(tree, b);
          expect(value - bruteForce(a, b, tree)).toBe(0);
          expect(magnitude - bruteForce(absolute, b.map(Math.abs), tree)).toBe(0);
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('firstFailedCondition', () => {
  test('finds order 2s of the Gauss methods, and not more', () => {
    const weight = elementaryWeights(gauss.a);
    expect(firstFailedCondition(weight, gauss.b, 4)).toBeUndefined();
    expect(firstFailedCondition(weight, gauss.b, 5)?.tree.order).toBe(5);
    const implicitMidpoint = elementaryWeights([[1 / 2]]);
    expect(firstFailedCondition(implicitMidpoint, [1], 2)).toBeUndefined();
    expect(firstFailedCondition(implicitMidpoint, [1], 3)?.tree.order).toBe(3);
  });

  test('gives the tree, the value that it needs, and the value that it has', () => {
    const failed = firstFailedCondition(elementaryWeights([[], [1 / 2]]), [0, 1], 4);
    expect(failed && formatTree(failed.tree)).toBe('[τ,τ]');
    expect(failed).toMatchObject({ expected: 1 / 3, actual: 1 / 4 });
  });

  test('does not take NaN for a condition that holds', () => {
    expect(firstFailedCondition(elementaryWeights([[]]), [Number.NaN], 1)?.tree.order).toBe(1);
  });

  test('fails at a small tree, however much is claimed', () => {
    expect(firstFailedCondition(elementaryWeights([[]]), [1], 1_000_000)?.tree.order).toBe(2);
  });
});
