import { rungeKutta } from './runge-kutta.ts';
import { describe, expect, test } from 'vitest';
import { TableauError } from '../arguments/errors.ts';
import { isFirstSameAsLast, solutionStages } from './tableau.ts';
import { verifyTableau } from './verify-tableau.ts';
import type { ButcherTableau } from '../types/tableau.ts';

const rk4: ButcherTableau = {
  name: 'rk4',
  order: 4,
  reference: 'Kutta (1901)',
  a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
  b: [1 / 6, 1 / 3, 1 / 3, 1 / 6],
  c: [0, 1 / 2, 1 / 2, 1],
};

const bosh3: ButcherTableau = {
  name: 'bosh3',
  order: 3,
  reference: 'Bogacki & Shampine (1989)',
  a: [[], [1 / 2], [0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]],
  b: [2 / 9, 1 / 3, 4 / 9, 0],
  c: [0, 1 / 2, 3 / 4, 1],
  bError: [-5 / 72, 1 / 12, 1 / 9, -1 / 8],
  embeddedOrder: 2,
};

const fehlberg2: ButcherTableau = {
  name: 'fehlberg2',
  order: 2,
  reference: 'Fehlberg (1969)',
  a: [[], [1 / 2], [1 / 256, 255 / 256]],
  b: [1 / 512, 255 / 256, 1 / 512],
  c: [0, 1 / 2, 1],
  bError: [-1 / 512, 0, 1 / 512],
  embeddedOrder: 1,
};

function refusal(tableau: unknown): string {
  try {
    verifyTableau(tableau as ButcherTableau);
  } catch (error) {
    expect(error).toBeInstanceOf(TableauError);
    return (error as TableauError).message;
  }
  throw new Error('the tableau was not refused');
}

describe('verifyTableau', () => {
  test('returns the very tableau that holds what it claims', () => {
    for (const tableau of [rk4, bosh3, fehlberg2]) expect(verifyTableau(tableau)).toBe(tableau);
  });

  test('lets a tableau claim too little', () => {
    expect(verifyTableau({ ...rk4, order: 1 }).order).toBe(1);
    expect(verifyTableau({ ...bosh3, order: 2, embeddedOrder: 1 }).order).toBe(2);
  });

  test('names the tree that fails, the values, and the order that holds', () => {
    expect(refusal({ ...rk4, order: 5 })).toMatch(
      /^Tableau "rk4": claims order 5, but b fails the condition of the rooted tree \[.*\] of order 5: its elementary weight is 0\.\d+, not 1\/\d+ = 0\.\d+; claim order 4, which holds, or correct the coefficients$/,
    );
    // Every stage starts from the first slope: the quadrature is right, the rest is not.
    const flat = { ...rk4, a: [[], [1 / 2], [1 / 2, 0], [1, 0, 0]] };
    expect(refusal(flat)).toBe(
      'Tableau "rk4": claims order 4, but b fails the condition of the rooted tree [[τ]] of order 3: ' +
        `its elementary weight is 0, not 1/6 = ${1 / 6}; claim order 2, which holds, or correct the coefficients`,
    );
  });

  test('asks for weights that sum to 1', () => {
    expect(refusal({ ...rk4, b: [1 / 6, 1 / 3, 1 / 3, 1 / 3] })).toMatch(
      /rooted tree τ of order 1: .* not 1\/1 = 1; b must sum to 1: correct the coefficients$/,
    );
  });

  test('refuses an embedded order that does not hold', () => {
    expect(refusal({ ...bosh3, embeddedOrder: 3 })).toMatch(
      /claims embeddedOrder 3, but b̂ = b − bError fails .* of order 3: .*claim embeddedOrder 2, which holds/,
    );
  });

  test('refuses b̂ given for b − b̂, and an error estimate that is zero', () => {
    expect(refusal({ ...fehlberg2, bError: [1 / 256, 255 / 256, 0] })).toBe(
      'Tableau "fehlberg2": bError sums to 1, not to 0: give the differences b − b̂, not the weights b̂',
    );
    expect(refusal({ ...fehlberg2, bError: [0, 0, 0] })).toMatch(/every step would look exact/);
  });

  test('refuses half an embedded pair', () => {
    expect(refusal({ ...bosh3, embeddedOrder: undefined })).toMatch(/bError without embeddedOrder/);
    expect(refusal({ ...bosh3, bError: undefined })).toMatch(/embeddedOrder without bError/);
  });

  test('refuses a row sum that is not the abscissa', () => {
    expect(refusal({ ...rk4, a: [[], [1 / 2], [0, 0.4], [0, 0, 1]] })).toBe(
      'Tableau "rk4": row 2 of a sums to 0.4, but c[2] is 0.5',
    );
    expect(refusal({ ...rk4, c: [1e-6, 1 / 2, 1 / 2, 1] })).toMatch(
      /row 0 of a sums to 0, but c\[0\] is 0.000001/,
    );
  });

  test('refuses an implicit method that does not say so, and a full matrix', () => {
    const implicitMidpoint = {
      name: 'im',
      order: 2,
      reference: 'Hammer (1955)',
      a: [[1 / 2]],
      b: [1],
      c: [1 / 2],
    };
    expect(refusal(implicitMidpoint)).toBe(
      'Tableau "im": a[0][0] = 0.5 makes the method implicit: say `implicit: true`, or give a[i][j] = 0 for j ≥ i',
    );
    expect(refusal({ ...rk4, a: rk4.a.map((row) => [...row, 0, 0, 0, 0].slice(0, 4)) })).toBe(
      'Tableau "rk4": row 0 of a has 4 entries, not 0: give a[i][0] to a[i][i − 1], without the zeros on and above the diagonal',
    );
    expect(verifyTableau({ ...implicitMidpoint, implicit: true })).toMatchObject({ implicit: true });
    expect(refusal({ ...rk4, implicit: true })).toBe(
      'Tableau "rk4": row 0 of a has 0 entries, not 4: give all of a row where the method is implicit, zeros too',
    );
    expect(() => rungeKutta({ ...implicitMidpoint, implicit: true })).toThrow(
      /take one that solves equations/,
    );
  });

  test.each([
    ['no name', { ...rk4, name: ' ' }, /has no name/],
    ['no reference', { ...rk4, reference: undefined }, /"rk4": no reference/],
    ['no stages', { ...rk4, b: [] }, /b is empty/],
    ['no b', { ...rk4, b: undefined }, /b is undefined: give a list of numbers/],
    ['too short a c', { ...rk4, c: [0, 1 / 2, 1 / 2] }, /3 entries in c, but 4 in b/],
    ['too long a bError', { ...bosh3, bError: [0, 0, 0, 0, 0] }, /5 entries in bError, but 4 in b/],
    ['no a', { ...rk4, a: undefined }, /a is no list: give one row for each of the 4 stages/],
    ['too few rows', { ...rk4, a: [[], [1 / 2], [0, 1 / 2]] }, /3 rows in a, but 4 weights in b/],
    ['too short a row', { ...rk4, a: [[], [1 / 2], [1 / 2], [0, 0, 1]] }, /row 2 of a has 1 entries, not 2/],
    [
      'a row that is no list',
      { ...rk4, a: [[], 1 / 2, [0, 1 / 2], [0, 0, 1]] },
      /a\[1\] is 0.5: give a list/,
    ],
    ['NaN', { ...rk4, b: [1 / 6, Number.NaN, 1 / 3, 1 / 6] }, /b\[1\] is NaN: give a finite number/],
    [
      'infinity',
      { ...rk4, a: [[], [Infinity], [0, 1 / 2], [0, 0, 1]] },
      /a\[1\]\[0\] is Infinity: give a finite/,
    ],
    // A hole, as a list literal with a comma too many has one.
    [
      'a hole',
      { ...rk4, c: Array.from({ length: 4, 0: 0, 1: 0.5, 3: 1 }) },
      /c\[2\] is undefined: give a finite/,
    ],
    ['order 0', { ...rk4, order: 0 }, /order is 0: give the order of b, a whole number from 1 on/],
    ['order 2.5', { ...rk4, order: 2.5 }, /order is 2.5/],
    ['order NaN', { ...rk4, order: Number.NaN }, /order is NaN/],
    ['embedded order −1', { ...bosh3, embeddedOrder: -1 }, /embeddedOrder is -1: give the order of b̂/],
  ])('refuses %s', (_, tableau, message) => {
    expect(refusal(tableau)).toMatch(message);
  });

  test('refuses coefficients that are rounded to float32', () => {
    const rounded = (list: readonly number[]): number[] => list.map(Math.fround);
    expect(refusal({ ...rk4, b: rounded(rk4.b) })).toMatch(/order 1/);
  });
});

describe('isFirstSameAsLast', () => {
  test('is derived from the last row, b and c', () => {
    expect(isFirstSameAsLast(bosh3)).toBe(true);
    expect([rk4, fehlberg2].map(isFirstSameAsLast)).toEqual([false, false]);
    expect(isFirstSameAsLast({ ...bosh3, c: [0, 1 / 2, 3 / 4, 0.9] })).toBe(false);
    expect(isFirstSameAsLast({ ...bosh3, b: [2 / 9, 1 / 3, 4 / 9, 1e-3] })).toBe(false);
    expect(isFirstSameAsLast({ ...bosh3, b: [2 / 9, 4 / 9, 1 / 3, 0] })).toBe(false);
    // Euler's only slope is at the start of the step.
    expect(isFirstSameAsLast({ ...rk4, a: [[]], b: [1], c: [0] })).toBe(false);
  });
});

describe('solutionStages', () => {
  test('leaves out what y₁ does not depend on', () => {
    expect(solutionStages(rk4)).toEqual([0, 1, 2, 3]);
    expect(solutionStages(bosh3)).toEqual([0, 1, 2]);
  });

  test('follows a through stages of weight zero', () => {
    const { name, reference } = rk4;
    const midpoint = { name, reference, order: 2, a: [[], [1 / 2]], b: [0, 1], c: [0, 1 / 2] };
    expect(solutionStages(midpoint)).toEqual([0, 1]);
    // Stage 1 is used by nothing; stage 2 alone has a weight, and takes stage 0.
    const unused = { ...midpoint, a: [[], [1 / 3], [1 / 2, 0]], b: [0, 0, 1], c: [0, 1 / 3, 1 / 2] };
    expect(solutionStages(unused)).toEqual([0, 2]);
  });
});
