import { isFirstSameAsLast, solutionStages, verifyTableau } from '@odegrad/core';
import type { ButcherTableau } from '@odegrad/core';
import { describe, expect, test } from 'vitest';
import plugin, * as exported from './index.ts';

const tableaux = plugin.tableaux ?? [];
const table = tableaux.map((tableau) => [tableau.name, tableau] as const);
const pairs = table.filter(([, tableau]) => tableau.bError !== undefined);

type Coefficients = 'b' | 'c' | 'bError';

function withCoefficient(
  tableau: ButcherTableau,
  list: Coefficients,
  i: number,
  change: number,
): ButcherTableau {
  return { ...tableau, [list]: tableau[list]!.map((x, k) => (k === i ? x + change : x)) };
}

function withEntry(tableau: ButcherTableau, i: number, j: number, change: number): ButcherTableau {
  return {
    ...tableau,
    a: tableau.a.map((row, r) => row.map((x, k) => (r === i && k === j ? x + change : x))),
  };
}

/** Where a list of numbers is not zero. */
function support(list: readonly number[]): number[] {
  return [...list.keys()].filter((i) => list[i] !== 0);
}

describe('the plugin', () => {
  test('has these public names', () => {
    expect(Object.keys(exported).sort()).toEqual([
      ...[
        'adaptiveHeun',
        'bosh3',
        'cashKarp',
        'default',
        'dopri5',
        'dopri8',
        'euler',
        'fehlberg2',
        'fehlberg45',
      ],
      ...['heun2', 'heun3', 'midpoint', 'ralston2', 'rk38', 'rk4', 'ssprk33', 'tsit5'],
    ]);
  });

  test('holds every exported tableau under its name in the literature', () => {
    expect(plugin.name).toBe('@odegrad/tableaux');
    const { default: _, ...named } = exported;
    expect(new Set(tableaux)).toEqual(new Set(Object.values(named)));
    for (const [identifier, { name }] of Object.entries(named)) {
      expect(name.replace(/_(.)/, (_match, letter: string) => letter.toUpperCase())).toBe(identifier);
    }
  });

  test('has these orders, embedded orders, stages, evaluations a step, and FSAL', () => {
    const facts = tableaux.map((t) => {
      const order = t.embeddedOrder === undefined ? `${t.order}` : `${t.order}(${t.embeddedOrder})`;
      const fsal = isFirstSameAsLast(t) ? ' FSAL' : '';
      return `${t.name} ${order} ${t.b.length}/${solutionStages(t).length}${fsal}`;
    });
    expect(facts).toEqual([
      'euler 1 1/1',
      'midpoint 2 2/2',
      'heun2 2 2/2',
      'ralston2 2 2/2',
      'adaptive_heun 2(1) 2/2',
      'fehlberg2 2(1) 3/3',
      'heun3 3 3/3',
      'ssprk33 3 3/3',
      'bosh3 3(2) 4/3 FSAL',
      'rk4 4 4/4',
      'rk38 4 4/4',
      'fehlberg45 5(4) 6/6',
      'cash_karp 5(4) 6/6',
      'dopri5 5(4) 7/6 FSAL',
      'tsit5 5(4) 7/6 FSAL',
      'dopri8 8(7) 13/13',
    ]);
  });
});

describe.each(table)('%s', (_, tableau) => {
  test('satisfies the conditions of its order and embedded order, and says where it comes from', () => {
    expect(verifyTableau(tableau)).toBe(tableau);
    expect(tableau.reference).toMatch(/\(\d{4}\)/);
  });

  test('is of no higher order', () => {
    const higher = { ...tableau, order: tableau.order + 1 };
    const message = new RegExp(
      `claims order ${higher.order}, but b fails .* rooted tree \\[.*\\] of order ${higher.order}`,
    );
    expect(() => verifyTableau(higher)).toThrow(message);
  });

  test('is refused when any one coefficient is off by 1e-6', () => {
    let refused = 0;
    const refuse = (perturbed: ButcherTableau): void => {
      expect(() => verifyTableau(perturbed)).toThrow(`Tableau "${tableau.name}"`);
      refused += 1;
    };
    for (const change of [1e-6, -1e-6]) {
      tableau.a.forEach((row, i) => support(row).forEach((j) => refuse(withEntry(tableau, i, j, change))));
      for (const list of ['b', 'c', 'bError'] as const) {
        for (const i of support(tableau[list] ?? [])) refuse(withCoefficient(tableau, list, i, change));
      }
    }
    const lists = [...tableau.a, tableau.b, tableau.c, tableau.bError ?? []];
    expect(refused).toBe(2 * lists.flatMap(support).length);
  });

  test('is refused by the tree of some condition when a row and its abscissa are off together', () => {
    for (let i = 1; i < tableau.b.length; i += 1) {
      const shifted = withCoefficient(withEntry(tableau, i, 0, 1e-6), 'c', i, 1e-6);
      expect(() => verifyTableau(shifted)).toThrow(/fails the condition of the rooted tree \[/);
    }
  });
});

// Σ bᵢ cᵢ = 1/2 is all that order 2 asks of a, and it sees row sums alone.
describe.each(table.filter(([, { order }]) => order > 2))('%s', (_, tableau) => {
  test('is refused by the tree of some condition when entries of a row are off by opposite amounts', () => {
    for (const i of solutionStages(tableau)) {
      const [first, ...others] = support(tableau.a[i]!);
      for (const j of others) {
        const moved = withEntry(withEntry(tableau, i, first!, 1e-6), i, j, -1e-6);
        expect(() => verifyTableau(moved)).toThrow(/fails the condition of the rooted tree \[/);
      }
    }
  });
});

/**
 * A plane spiral onto the unit circle, y′ = (1 − |y|²) y + 3 cos(t) J y with J the rotation by 90°: not autonomous,
 * not linear, coupled. In polar coordinates |y|⁻² − 1 decays as e^(−2t), and the angle is 3 sin t.
 */
const start = 0.3;

function spiral(t: number, [x, y]: readonly [number, number]): [number, number] {
  const growth = 1 - x * x - y * y;
  const rotation = 3 * Math.cos(t);
  return [growth * x - rotation * y, growth * y + rotation * x];
}

function spiralAt(t: number): [number, number] {
  const radius = 1 / Math.sqrt(1 + (1 / start ** 2 - 1) * Math.exp(-2 * t));
  return [radius * Math.cos(3 * Math.sin(t)), radius * Math.sin(3 * Math.sin(t))];
}

/** The slopes of one step, and base + h Σ weightsᵢ kᵢ. */
function slopes({ a, c }: ButcherTableau, t: number, y: [number, number], h: number): [number, number][] {
  const k: [number, number][] = [];
  for (const [i, row] of a.entries()) k.push(spiral(t + c[i]! * h, along(y, h, row, k)));
  return k;
}

function along(
  [x, y]: readonly [number, number],
  h: number,
  weights: readonly number[],
  k: readonly (readonly [number, number])[],
): [number, number] {
  const sum = (d: 0 | 1): number => weights.reduce((total, weight, i) => total + weight * k[i]![d], 0);
  return [x + h * sum(0), y + h * sum(1)];
}

function errorAtOne(tableau: ButcherTableau, steps: number): number {
  let y: [number, number] = [start, 0];
  const h = 1 / steps;
  for (let n = 0; n < steps; n += 1) y = along(y, h, tableau.b, slopes(tableau, n * h, y, h));
  const exact = spiralAt(1);
  return Math.hypot(y[0] - exact[0], y[1] - exact[1]);
}

/** The size of the error estimate of one step from the exact solution at t = 0.4. */
function estimate(tableau: ButcherTableau, h: number): number {
  const y = spiralAt(0.4);
  return Math.hypot(...along([0, 0], h, tableau.bError!, slopes(tableau, 0.4, y, h)));
}

/** log₂ of the ratio of the last two values that stand clear of roundoff. */
function observedExponent(values: readonly number[]): number {
  const last = values.findLastIndex((value) => value > 3e-13);
  expect(last).toBeGreaterThan(0);
  return Math.log2(values[last - 1]! / values[last]!);
}

describe('observed on a non-autonomous nonlinear problem in float64', () => {
  test('the exact solution satisfies the equation', () => {
    const [ahead, behind] = [spiralAt(0.7 + 1e-5), spiralAt(0.7 - 1e-5)];
    const slope = spiral(0.7, spiralAt(0.7));
    expect((ahead[0] - behind[0]) / 2e-5).toBeCloseTo(slope[0], 8);
    expect((ahead[1] - behind[1]) / 2e-5).toBeCloseTo(slope[1], 8);
  });

  test.each(table)('%s has its order', (_, tableau) => {
    const errors = [4, 8, 16, 32, 64, 128, 256, 512].map((steps) => errorAtOne(tableau, steps));
    expect(Math.abs(observedExponent(errors) - tableau.order)).toBeLessThan(0.15);
  });

  test.each(pairs)('the error estimate of %s is of its embedded order plus 1', (_, tableau) => {
    const estimates = Array.from({ length: 9 }, (_step, i) => estimate(tableau, 2 ** (-i - 1)));
    expect(Math.abs(observedExponent(estimates) - tableau.embeddedOrder! - 1)).toBeLessThan(0.15);
  });
});
