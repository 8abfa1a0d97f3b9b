import { describe } from '../arguments/describe.ts';
import type { ButcherTableau } from '../types/tableau.ts';
import { checkExtension } from './continuous-extension.ts';
import { elementaryWeights, firstFailedCondition, ORDER_TOLERANCE } from './order-conditions.ts';
import type { ElementaryWeight } from './order-conditions.ts';
import { formatTree } from './rooted-trees.ts';
import type { RootedTree } from './rooted-trees.ts';
import { checkForm, failTableau } from './tableau.ts';

/**
 * Checks that a tableau is what it claims to be: shapes, explicitness, finiteness, row sums, and the order
 * conditions of every rooted tree up to `order` for b, up to `embeddedOrder` for b̂, in float64; of a continuous extension too. Returns the tableau.
 *
 * @throws {TableauError} that says which coefficient or which tree's condition is wrong.
 */
export function verifyTableau(tableau: ButcherTableau): ButcherTableau {
  checkForm(tableau);
  checkRowSums(tableau);
  checkEmbeddedPair(tableau);
  const weight = elementaryWeights(tableau.a);
  checkOrder(tableau, weight, 'order', tableau.b, tableau.order);
  if (tableau.bError !== undefined && tableau.embeddedOrder !== undefined) {
    const embedded = subtract(tableau.b, tableau.bError);
    checkOrder(tableau, weight, 'embeddedOrder', embedded, tableau.embeddedOrder);
  }
  checkExtension(tableau);
  return tableau;
}

function checkRowSums({ name, a, c }: ButcherTableau): void {
  for (const [i, row] of a.entries()) {
    const abscissa = c[i]!;
    if (Math.abs(sum(row) - abscissa) > ORDER_TOLERANCE * Math.max(magnitude(row), Math.abs(abscissa))) {
      failTableau(name, `row ${i} of a sums to ${sum(row)}, but c[${i}] is ${abscissa}`);
    }
  }
}

function checkEmbeddedPair({ name, b, bError, embeddedOrder }: ButcherTableau): void {
  if (bError === undefined) {
    if (embeddedOrder !== undefined) {
      failTableau(name, 'embeddedOrder without bError: give the weights b − b̂ too, or leave both out');
    }
    return;
  }
  if (embeddedOrder === undefined)
    failTableau(name, 'bError without embeddedOrder: give the order of b̂ = b − bError');
  if (Math.abs(sum(bError)) > ORDER_TOLERANCE * (magnitude(b) + magnitude(bError))) {
    failTableau(
      name,
      `bError sums to ${sum(bError)}, not to 0: give the differences b − b̂, not the weights b̂`,
    );
  }
  if (magnitude(bError) <= ORDER_TOLERANCE * magnitude(b)) {
    failTableau(name, 'bError is zero, so that every step would look exact: leave it out');
  }
}

function checkOrder(
  { name }: ButcherTableau,
  weight: (tree: RootedTree, b: readonly number[]) => ElementaryWeight,
  field: 'order' | 'embeddedOrder',
  b: readonly number[],
  claimed: number,
): void {
  const weights = field === 'order' ? 'b' : 'b̂ = b − bError';
  if (!Number.isInteger(claimed) || claimed < 1) {
    failTableau(
      name,
      `${field} is ${describe(claimed)}: give the order of ${weights}, a whole number from 1 on`,
    );
  }
  const failed = firstFailedCondition(weight, b, claimed);
  if (failed === undefined) return;
  const holds = failed.tree.order - 1;
  const remedy =
    holds === 0
      ? `${weights} must sum to 1: correct the coefficients`
      : `claim ${field} ${holds}, which holds, or correct the coefficients`;
  failTableau(
    name,
    `claims ${field} ${claimed}, but ${weights} fails the condition of the rooted tree ` +
      `${formatTree(failed.tree)} of order ${failed.tree.order}: its elementary weight is ` +
      `${failed.actual}, not 1/${failed.tree.density} = ${failed.expected}; ${remedy}`,
  );
}

function sum(list: readonly number[]): number {
  return list.reduce((total, x) => total + x, 0);
}

function magnitude(list: readonly number[]): number {
  return list.reduce((total, x) => total + Math.abs(x), 0);
}

function subtract(x: readonly number[], y: readonly number[]): number[] {
  return x.map((xi, i) => xi - y[i]!);
}
