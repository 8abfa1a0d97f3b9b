import { describe } from '../arguments/describe.ts';
import { TableauError } from '../arguments/errors.ts';
import { elementaryWeights, firstFailedCondition, ORDER_TOLERANCE } from './order-conditions.ts';
import type { ElementaryWeight } from './order-conditions.ts';
import type { ButcherTableau } from '../types/tableau.ts';
import { formatTree } from './rooted-trees.ts';
import type { RootedTree } from './rooted-trees.ts';

/**
 * Checks that a tableau is what it claims to be: shapes, explicitness, finiteness, row sums, and the order
 * conditions of every rooted tree up to `order` for b, up to `embeddedOrder` for b̂, in float64. Returns the tableau.
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
  return tableau;
}

/** Throws a TableauError unless a tableau has a name, a reference, and coefficients of the right number. */
export function checkForm(tableau: ButcherTableau): void {
  checkName(tableau);
  checkShapes(tableau);
}

/**
 * Whether the last slope of a step is the first of the next one ("first same as last"): the last row of `a`
 * equals `b`, and the last abscissa is 1.
 */
export function isFirstSameAsLast(tableau: ButcherTableau): boolean {
  checkForm(tableau);
  const { a, b, c } = tableau;
  const last = b.length - 1;
  if (last < 1 || c[last] !== 1 || b[last] !== 0) return false;
  return a[last]!.every((coefficient, j) => coefficient === b[j]);
}

/**
 * The stages on which y₁ depends, through `b` or through `a` and a later such stage, ascending: the evaluations
 * of f that a step of constant size needs. Six of the seven of dopri5.
 */
export function solutionStages(tableau: ButcherTableau): readonly number[] {
  checkForm(tableau);
  const { a, b } = tableau;
  const needed = b.map((weight) => weight !== 0);
  for (let i = needed.length - 1; i > 0; i -= 1) {
    if (needed[i] !== true) continue;
    for (const [j, coefficient] of a[i]!.entries()) if (coefficient !== 0) needed[j] = true;
  }
  return [...needed.keys()].filter((i) => needed[i] === true);
}

function checkName(tableau: ButcherTableau): void {
  // A tableau may come from JavaScript or from JSON: nothing about it is taken on trust.
  if (typeof tableau !== 'object' || (tableau as unknown) === null || Array.isArray(tableau)) {
    throw new TableauError(
      `A tableau must be an object { name, order, reference, a, b, c }, not ${describe(tableau)}`,
    );
  }
  const { name, reference } = tableau;
  const text = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';
  if (!text(name)) throw new TableauError('A tableau has no name: give the literature’s, such as "rk4"');
  if (!text(reference)) fail(name, 'no reference: say where its coefficients were published');
}

function checkShapes({ name, a, b, c, bError }: ButcherTableau): void {
  checkList(name, 'b', b);
  const stages = b.length;
  if (stages === 0) fail(name, 'b is empty: give one weight for each stage');
  checkList(name, 'c', c, stages);
  if (bError !== undefined) checkList(name, 'bError', bError, stages);
  if (!isList(a)) fail(name, `a is no list: give one row for each of the ${stages} stages`);
  if (a.length !== stages) {
    fail(name, `${a.length} rows in a, but ${stages} weights in b: give one row for each stage`);
  }
  for (const [i, row] of a.entries()) {
    checkList(name, `a[${i}]`, row);
    const beyond = row.findIndex((coefficient, j) => j >= i && coefficient !== 0);
    if (beyond >= 0) {
      const entry = `a[${i}][${beyond}] = ${row[beyond]!}`;
      fail(
        name,
        `${entry} makes the method implicit: only explicit ones are served, with a[i][j] = 0 for j ≥ i`,
      );
    }
    if (row.length !== i) {
      const shape = `row ${i} of a has ${row.length} entries, not ${i}`;
      fail(name, `${shape}: give a[i][0] to a[i][i − 1], without the zeros on and above the diagonal`);
    }
  }
}

/** That a list of coefficients is one, of the right length where that is given, and holds finite numbers only. */
function checkList(name: string, what: string, list: readonly number[], length?: number): void {
  if (!isList(list)) fail(name, `${what} is ${describe(list)}: give a list of numbers`);
  if (length !== undefined && list.length !== length) {
    fail(name, `${list.length} entries in ${what}, but ${length} in b: give one for each stage`);
  }
  const at = Array.from(list).findIndex((coefficient) => !Number.isFinite(coefficient));
  if (at >= 0) fail(name, `${what}[${at}] is ${describe(list[at])}: give a finite number`);
}

// Array.isArray would narrow a readonly list to any[].
function isList(value: unknown): boolean {
  return Array.isArray(value);
}

function checkRowSums({ name, a, c }: ButcherTableau): void {
  for (const [i, row] of a.entries()) {
    const abscissa = c[i]!;
    if (Math.abs(sum(row) - abscissa) > ORDER_TOLERANCE * Math.max(magnitude(row), Math.abs(abscissa))) {
      fail(name, `row ${i} of a sums to ${sum(row)}, but c[${i}] is ${abscissa}`);
    }
  }
}

function checkEmbeddedPair({ name, b, bError, embeddedOrder }: ButcherTableau): void {
  if (bError === undefined) {
    if (embeddedOrder !== undefined) {
      fail(name, 'embeddedOrder without bError: give the weights b − b̂ too, or leave both out');
    }
    return;
  }
  if (embeddedOrder === undefined)
    fail(name, 'bError without embeddedOrder: give the order of b̂ = b − bError');
  if (Math.abs(sum(bError)) > ORDER_TOLERANCE * (magnitude(b) + magnitude(bError))) {
    fail(name, `bError sums to ${sum(bError)}, not to 0: give the differences b − b̂, not the weights b̂`);
  }
  if (magnitude(bError) <= ORDER_TOLERANCE * magnitude(b)) {
    fail(name, 'bError is zero, so that every step would look exact: leave it out');
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
    fail(name, `${field} is ${describe(claimed)}: give the order of ${weights}, a whole number from 1 on`);
  }
  const failed = firstFailedCondition(weight, b, claimed);
  if (failed === undefined) return;
  const holds = failed.tree.order - 1;
  const remedy =
    holds === 0
      ? `${weights} must sum to 1: correct the coefficients`
      : `claim ${field} ${holds}, which holds, or correct the coefficients`;
  fail(
    name,
    `claims ${field} ${claimed}, but ${weights} fails the condition of the rooted tree ` +
      `${formatTree(failed.tree)} of order ${failed.tree.order}: its elementary weight is ` +
      `${failed.actual}, not 1/${failed.tree.density} = ${failed.expected}; ${remedy}`,
  );
}

function fail(name: string, what: string): never {
  throw new TableauError(`Tableau "${name}": ${what}`);
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
