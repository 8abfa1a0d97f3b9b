import { TableauError } from '@odegrad/core';

/** The two groups of parts of a state that a partitioned method takes apart: positions and momenta. */
export type Group = 'q' | 'p';

/**
 * An explicit partitioned Runge–Kutta method for fields whose slope of q does not depend on q, and whose slope of p does not depend on p.
 * With kᵢ = f(t + cᵢh, Yᵢ) a step gives y₁ = y + h Σ bᵢ kᵢ in either group with weights of its own, and so do the states of stages.
 */
export interface PartitionedTableau {
  /** The literature's name, in lower case: `verlet`. */
  readonly name: string;
  readonly order: number;
  /** Where it was published. */
  readonly reference: string;
  /** s abscissae: of a stage whose slope of q is used the row sum of p's matrix, and the other way round. */
  readonly c: readonly number[];
  readonly q: Weights;
  readonly p: Weights;
}

/** Weights of one group: s rows, row i with i entries, and s weights of the step. */
export interface Weights {
  readonly a: readonly (readonly number[])[];
  readonly b: readonly number[];
}

/**
 * The composition of Störmer–Verlet steps of sizes `sizes · h`: kicks of p and drifts of q by turns, neighbouring kicks as one.
 * Hairer, Lubich & Wanner, Geometric Numerical Integration (2006), §II.4.
 */
export function composition(
  about: Pick<PartitionedTableau, 'name' | 'order' | 'reference'>,
  sizes: readonly number[],
): PartitionedTableau {
  const count = 2 * sizes.length + 1;
  const of = (weight: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => weight(i));
  const kicks = of((i) => (i % 2 === 0 ? ((sizes[i / 2 - 1] ?? 0) + (sizes[i / 2] ?? 0)) / 2 : 0));
  const drifts = of((i) => (i % 2 === 1 ? sizes[(i - 1) / 2]! : 0));
  const weights = (b: readonly number[]): Weights => ({ b, a: b.map((_, i) => b.slice(0, i)) });
  const before = (b: readonly number[], i: number): number => b.slice(0, i).reduce((sum, x) => sum + x, 0);
  return {
    ...about,
    c: of((i) => (i === count - 1 ? 1 : before(i % 2 === 0 ? drifts : kicks, i))),
    q: weights(drifts),
    p: weights(kicks),
  };
}

/** The shape of a rooted tree: the trees that hang on its root. */
type Tree = readonly Tree[];

/** All rooted trees with so many vertices, each once. */
function treesOf(order: number): readonly Tree[] {
  const forests = (vertices: number, most: readonly [order: number, index: number]): readonly Tree[][] => {
    if (vertices === 0) return [[]];
    const found: Tree[][] = [];
    for (let size = Math.min(vertices, most[0]); size > 0; size--) {
      const trees = treesOf(size);
      const last = size === most[0] ? Math.min(most[1], trees.length - 1) : trees.length - 1;
      for (let index = last; index >= 0; index--)
        for (const rest of forests(vertices - size, [size, index])) found.push([trees[index]!, ...rest]);
    }
    return found;
  };
  return order === 1 ? [[]] : forests(order - 1, [order - 1, Infinity]);
}

const sizeOf = (tree: Tree): number => tree.reduce((sum, branch) => sum + sizeOf(branch), 1);
const densityOf = (tree: Tree): number =>
  tree.reduce((product, branch) => product * densityOf(branch), sizeOf(tree));

/** Relative to the sum of absolute values: what coefficients with fifteen digits leave. */
const TOLERANCE = 1e-12;

/**
 * Checks the order by rooted trees whose vertices are of q and of p by turns: of other trees the elementary differentials of a separable
 * field are zero. Hairer, Lubich & Wanner, Geometric Numerical Integration (2006), §III.2.
 *
 * @throws {TableauError} that says which condition does not hold.
 */
export function verifyPartitioned(tableau: PartitionedTableau): PartitionedTableau {
  const { name, order, c } = tableau;
  const fail = (what: string): never => {
    throw new TableauError(`Tableau "${name}": ${what}`);
  };
  const other = (group: Group): Group => (group === 'q' ? 'p' : 'q');
  const sum = (x: readonly number[]): number => x.reduce((total, entry) => total + entry, 0);
  for (const group of ['q', 'p'] as const) {
    const { a, b } = tableau[group];
    if (b.length !== c.length || a.length !== c.length || a.some((row, i) => row.length !== i))
      fail(`${group} must have ${c.length} weights b and rows a with 0, 1, … entries`);
    b.forEach((weight, i) => {
      const reached = sum(tableau[other(group)].a[i]!);
      if (weight !== 0 && Math.abs(reached - c[i]!) > TOLERANCE)
        fail(
          `c[${i}] is ${c[i]!}, but row ${i} of ${other(group)}'s a, which its slope of ${group} goes by, sums to ${reached}`,
        );
    });
  }
  const weightsOf = (tree: Tree, group: Group, absolute: boolean): readonly number[] =>
    tree.reduce<readonly number[]>(
      (product, branch) => {
        const inner = weightsOf(branch, other(group), absolute);
        return product.map((x, i) => {
          const row = tableau[other(group)].a[i]!;
          return x * row.reduce((total, w, j) => total + (absolute ? Math.abs(w) : w) * inner[j]!, 0);
        });
      },
      c.map(() => 1),
    );
  for (let n = 1; n <= order; n++)
    for (const tree of treesOf(n))
      for (const group of ['q', 'p'] as const) {
        const total = (absolute: boolean): number =>
          weightsOf(tree, group, absolute).reduce((value, x, i) => {
            const weight = tableau[group].b[i]!;
            return value + (absolute ? Math.abs(weight) : weight) * x;
          }, 0);
        const expected = 1 / densityOf(tree);
        if (Math.abs(total(false) - expected) > TOLERANCE * Math.max(total(true), expected))
          fail(
            `claims order ${order}, but a condition of order ${n} for ${group} does not hold: ${total(false)} is not ${expected}`,
          );
      }
  return tableau;
}
