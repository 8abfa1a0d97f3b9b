/**
 * A rooted tree (Hairer, Nørsett & Wanner I, §II.2): the trees of order `n` index the elementary
 * differentials in the n-th derivative of a solution. The same tree is always the same object, so
 * that what is known of a subtree can be kept in a `Map`.
 */
export interface RootedTree {
  /** Number of vertices, ρ(t). */
  readonly order: number;
  /** What remains when the root is cut off: t = [t₁, …, tₘ], in the order of `rootedTrees`. */
  readonly subtrees: readonly RootedTree[];
  /** γ(t): the order times the densities of the subtrees; the condition of the tree reads Φ(t) = 1/γ(t). */
  readonly density: number;
}

// Index n holds the trees of order n, made when first asked for: 1, 1, 2, 4, 9, 20, 48, 115, 286, …
const treesByOrder: (readonly RootedTree[])[] = [[], [graft([])]];

/** All rooted trees of exactly this order (at least 1), each once. */
export function rootedTrees(order: number): readonly RootedTree[] {
  const known = treesByOrder[order];
  if (known !== undefined) return known;
  const smaller: RootedTree[] = [];
  for (let n = 1; n < order; n += 1) smaller.push(...rootedTrees(n));
  const trees = Array.from(forests(smaller, order - 1, 0), graft);
  treesByOrder[order] = trees;
  return trees;
}

/** The tree in bracket notation: `τ` for one vertex, `[τ,[τ]]` for a root that carries τ and [τ]. */
export function formatTree(tree: RootedTree): string {
  return tree.subtrees.length === 0 ? 'τ' : `[${tree.subtrees.map(formatTree).join(',')}]`;
}

function graft(subtrees: readonly RootedTree[]): RootedTree {
  const order = subtrees.reduce((sum, tree) => sum + tree.order, 1);
  return { order, subtrees, density: subtrees.reduce((product, tree) => product * tree.density, order) };
}

/** All multisets of trees with `vertices` vertices together; choosing from `first` on gives each one once. */
function* forests(
  trees: readonly RootedTree[],
  vertices: number,
  first: number,
): Generator<readonly RootedTree[]> {
  if (vertices === 0) {
    yield [];
    return;
  }
  for (let i = first; i < trees.length; i += 1) {
    const tree = trees[i];
    if (tree === undefined || tree.order > vertices) return;
    for (const rest of forests(trees, vertices - tree.order, i)) yield [tree, ...rest];
  }
}
