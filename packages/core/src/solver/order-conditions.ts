import { rootedTrees } from './rooted-trees.ts';
import type { RootedTree } from './rooted-trees.ts';

/** The matrix of a Runge–Kutta method, row by row; entries that a row does not have are zero. */
export type StageMatrix = readonly (readonly number[])[];

/** Φ(t) = Σ bᵢ gᵢ(t) of a tree, and the sum of the absolute values of its terms, which scales its roundoff. */
export interface ElementaryWeight {
  readonly value: number;
  readonly magnitude: number;
}

/** An order condition Φ(t) = 1/γ(t) that does not hold. */
export interface FailedCondition {
  readonly tree: RootedTree;
  readonly expected: number;
  readonly actual: number;
}

/**
 * Relative to the sum of absolute values: float64 coefficients leave about 1e-15; a coefficient with a wrong
 * digit in the first ten leaves more than this.
 */
export const ORDER_TOLERANCE = 1e-12;

/**
 * The elementary weights of the methods with matrix `a`, for any weights `b`. What a subtree contributes to the
 * stages is computed once, for all trees that contain it and all `b`.
 *
 * Hairer, Nørsett & Wanner I, §II.2, Theorem 2.13.
 */
export function elementaryWeights(
  a: StageMatrix,
): (tree: RootedTree, b: readonly number[]) => ElementaryWeight {
  const magnitudes = a.map((row) => row.map(Math.abs));
  const value = stageWeights(a);
  const magnitude = stageWeights(magnitudes);
  return (tree, b) => ({
    value: dot(b, value(tree)),
    magnitude: dot(b.map(Math.abs), magnitude(tree)),
  });
}

/**
 * The first of the rooted trees up to `order` whose condition the method (a, b) fails, in the order of the trees;
 * the method is of the order below that tree's. `undefined` where all hold.
 */
export function firstFailedCondition(
  weight: (tree: RootedTree, b: readonly number[]) => ElementaryWeight,
  b: readonly number[],
  order: number,
): FailedCondition | undefined {
  // Tree by tree: an absurd claim fails at a small tree, before the many large ones are made.
  for (let n = 1; n <= order; n += 1) {
    for (const tree of rootedTrees(n)) {
      const expected = 1 / tree.density;
      const { value, magnitude } = weight(tree, b);
      const holds = Math.abs(value - expected) <= ORDER_TOLERANCE * Math.max(magnitude, expected);
      if (!holds) return { tree, expected, actual: value };
    }
  }
  return undefined;
}

/** gᵢ([t₁, …, tₘ]) = Πₖ Σⱼ aᵢⱼ gⱼ(tₖ), by stage i. */
function stageWeights(a: StageMatrix): (tree: RootedTree) => readonly number[] {
  const branches = new Map<RootedTree, readonly number[]>();
  const branch = (tree: RootedTree): readonly number[] => {
    let sums = branches.get(tree);
    if (sums === undefined) {
      const g = weights(tree);
      sums = a.map((row) => dot(row, g));
      branches.set(tree, sums);
    }
    return sums;
  };
  const weights = (tree: RootedTree): readonly number[] =>
    tree.subtrees.map(branch).reduce<readonly number[]>(
      (product, sums) => product.map((p, i) => p * sums[i]!),
      a.map(() => 1),
    );
  return weights;
}

function dot(x: readonly number[], y: readonly number[]): number {
  return x.reduce((sum, xi, i) => sum + xi * (y[i] ?? 0), 0);
}
