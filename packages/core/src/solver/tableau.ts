import { describe } from '../arguments/describe.ts';
import { TableauError } from '../arguments/errors.ts';
import type { ButcherTableau } from '../types/tableau.ts';

/** Throws a TableauError unless a tableau has a name, a reference, and coefficients of the right number. */
export function checkForm(tableau: ButcherTableau): void {
  checkName(tableau);
  checkShapes(tableau);
}

/** Throws a TableauError unless the tableau is that of an explicit method. */
export function checkExplicit({ name, implicit = false }: ButcherTableau): void {
  if (implicit)
    failTableau(
      name,
      'it is implicit, which this solver is not: take one that solves equations for the stages',
    );
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
 * of f that a step of constant size needs. Six of the seven of dopri5; of an implicit method all.
 */
export function solutionStages(tableau: ButcherTableau): readonly number[] {
  checkForm(tableau);
  const { a, b, implicit = false } = tableau;
  if (implicit) return [...b.keys()];
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
  if (!text(reference)) failTableau(name, 'no reference: say where its coefficients were published');
}

function checkShapes({ name, a, b, c, bError, implicit = false }: ButcherTableau): void {
  checkList(name, 'b', b);
  const stages = b.length;
  if (stages === 0) failTableau(name, 'b is empty: give one weight for each stage');
  checkList(name, 'c', c, stages);
  if (bError !== undefined) checkList(name, 'bError', bError, stages);
  if (!isList(a)) failTableau(name, `a is no list: give one row for each of the ${stages} stages`);
  if (a.length !== stages) {
    failTableau(name, `${a.length} rows in a, but ${stages} weights in b: give one row for each stage`);
  }
  for (const [i, row] of a.entries()) {
    checkList(name, `a[${i}]`, row);
    if (implicit) {
      if (row.length === stages) continue;
      const shape = `row ${i} of a has ${row.length} entries, not ${stages}`;
      failTableau(name, `${shape}: give all of a row where the method is implicit, zeros too`);
    }
    const beyond = row.findIndex((coefficient, j) => j >= i && coefficient !== 0);
    if (beyond >= 0) {
      const entry = `a[${i}][${beyond}] = ${row[beyond]!}`;
      failTableau(
        name,
        `${entry} makes the method implicit: say \`implicit: true\`, or give a[i][j] = 0 for j ≥ i`,
      );
    }
    if (row.length !== i) {
      const shape = `row ${i} of a has ${row.length} entries, not ${i}`;
      failTableau(name, `${shape}: give a[i][0] to a[i][i − 1], without the zeros on and above the diagonal`);
    }
  }
}

/** That a list of coefficients is one, of the right length where that is given, and holds finite numbers only. */
function checkList(name: string, what: string, list: readonly number[], length?: number): void {
  if (!isList(list)) failTableau(name, `${what} is ${describe(list)}: give a list of numbers`);
  if (length !== undefined && list.length !== length) {
    failTableau(name, `${list.length} entries in ${what}, but ${length} in b: give one for each stage`);
  }
  const at = Array.from(list).findIndex((coefficient) => !Number.isFinite(coefficient));
  if (at >= 0) failTableau(name, `${what}[${at}] is ${describe(list[at])}: give a finite number`);
}

// Array.isArray would narrow a readonly list to any[].
function isList(value: unknown): boolean {
  return Array.isArray(value);
}

/** Throws what is wrong with a tableau. */
export function failTableau(name: string, what: string): never {
  throw new TableauError(`Tableau "${name}": ${what}`);
}
