import { describe } from '../arguments/describe.ts';
import type { ButcherTableau } from '../types/tableau.ts';
import { elementaryWeights, ORDER_TOLERANCE, type StageMatrix } from './order-conditions.ts';
import { formatTree, rootedTrees } from './rooted-trees.ts';
import { failTableau, solutionStages } from './tableau.ts';

/** The order of the cubic Hermite interpolant, which needs nothing of a tableau. */
const HERMITE = 3;

/**
 * How accurate the solution of a method is between the ends of its steps: the uniform order of its continuous extension, which is
 * that of the cubic Hermite interpolant where the tableau gives no bumps.
 */
export function denseOrder({ order, dense }: ButcherTableau): number {
  return dense?.order ?? Math.min(HERMITE, order);
}

/** The matrix of the solution stages with, last, the row of a stage at the end of the step, which is y₁. */
export function extendedMatrix(tableau: ButcherTableau): StageMatrix {
  const main = solutionStages(tableau);
  const of = (row: readonly number[]): number[] => main.map((j) => row[j] ?? 0);
  return [...main.map((i) => of(tableau.a[i]!)), of(tableau.b)];
}

/**
 * Checks a tableau's continuous extension. It is of uniform order q if the method is of order q at least and, for every rooted tree
 * t of order at most q and every bump m, Σ dₘᵢ gᵢ(t) = max(0, ρ(t) − 3 − m)/γ(t), with at least q − 3 bumps. That follows from
 * xʳ − Hermite(xʳ) = x² (1 − x)² Σₗ (r − 3 − l) xˡ.
 *
 * @throws {TableauError} that says which bump fails the condition of which tree.
 */
export function checkExtension(tableau: ButcherTableau): void {
  const { name, order, dense } = tableau;
  if (dense === undefined) return;
  // A tableau may come from JavaScript or from JSON.
  if (typeof dense !== 'object' || (dense as unknown) === null || !Array.isArray(dense.bumps))
    failTableau(name, `dense is ${describe(dense)}: give { order, bumps }, or leave it out`);
  const { order: claimed } = dense;
  const bumps: readonly (readonly number[])[] = dense.bumps;
  if (!Number.isInteger(claimed) || claimed < 1 || claimed > order)
    failTableau(
      name,
      `dense.order is ${describe(claimed)}: give a whole number from 1 to the method's order ${order}`,
    );
  const matrix = extendedMatrix(tableau);
  bumps.forEach((bump: unknown, m) => {
    const fits = Array.isArray(bump) && bump.length === matrix.length && bump.every(Number.isFinite);
    if (!fits)
      failTableau(
        name,
        `dense.bumps[${m}] is ${describe(bump)}: give ${matrix.length} numbers, one for each of the ${matrix.length - 1} stages ` +
          'that the solution depends on and one for the slope at the end',
      );
  });
  if (bumps.length < claimed - HERMITE)
    failTableau(
      name,
      `dense.order ${claimed} takes ${claimed - HERMITE} bumps, but there are ${bumps.length}`,
    );

  const weight = elementaryWeights(matrix);
  for (let n = 1; n <= claimed; n++) {
    for (const tree of rootedTrees(n)) {
      bumps.forEach((bump, m) => {
        const expected = Math.max(0, n - HERMITE - m) / tree.density;
        const { value, magnitude } = weight(tree, bump);
        if (Math.abs(value - expected) > ORDER_TOLERANCE * Math.max(magnitude, expected))
          failTableau(
            name,
            `claims dense.order ${claimed}, but dense.bumps[${m}] fails the condition of the rooted tree ${formatTree(tree)} of ` +
              `order ${n}: its weight is ${value}, not ${expected}; correct the coefficients, or claim less`,
          );
      });
    }
  }
}
