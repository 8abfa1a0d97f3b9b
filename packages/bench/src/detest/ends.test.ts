import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../registry.ts';
import { ECCENTRICITIES } from './class-d.ts';
import { endOf } from './ends.ts';
import { errorOf } from './error-of.ts';
import { measureDetest } from './measure.ts';
import { END } from './problem.ts';
import { detestProblems } from './problems.ts';

const problems = Object.values(detestProblems).flat();
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** y = y(t) with ln |(t, y)| + arg (t, y) as it is at (0, 4), by Newton's method. */
function spiral(t: number): number {
  let y = 0;
  for (let i = 0; i < 20; i++) {
    const off = Math.log(Math.hypot(t, y) / 4) + Math.atan2(y, t) - Math.PI / 2;
    y -= (off * (t * t + y * y)) / (t + y);
  }
  return y;
}

/** sn, cn and dn of u by arithmetic and geometric means, with their square of the modulus. */
function jacobi(u: number, m: number): number[] {
  const means = [{ a: 1, b: Math.sqrt(1 - m), c: Math.sqrt(m) }];
  for (let i = 0; i < 8; i++) {
    const { a, b } = means.at(-1)!;
    means.push({ a: (a + b) / 2, b: Math.sqrt(a * b), c: (a - b) / 2 });
  }
  let angle = 2 ** 8 * means.at(-1)!.a * u;
  for (const { a, c } of means.slice(1).reverse()) angle = (angle + Math.asin((c / a) * Math.sin(angle))) / 2;
  return [Math.sin(angle), Math.cos(angle), Math.sqrt(1 - m * Math.sin(angle) ** 2)];
}

/** Heat from the first of n points, as a sum of waves. */
function waves(n: number, t: number): number[] {
  const angle = Math.PI / (n + 1);
  return range(n).map((i) =>
    range(n).reduce((sum, k) => {
      const rest = Math.exp(-4 * Math.sin((k * angle) / 2) ** 2 * t);
      return sum + (2 / (n + 1)) * Math.sin(k * angle) * Math.sin(i * k * angle) * rest;
    }, 0),
  );
}

/** The place and the velocity on an ellipse, by Kepler's equation. */
function kepler(e: number, t: number): number[] {
  let x = t;
  for (let i = 0; i < 50; i++) x -= (x - e * Math.sin(x) - t) / (1 - e * Math.cos(x));
  const [width, speed] = [Math.sqrt(1 - e * e), 1 / (1 - e * Math.cos(x))];
  return [Math.cos(x) - e, width * Math.sin(x), -speed * Math.sin(x), width * speed * Math.cos(x)];
}

/** √(2 / πx) sin x and its derivative. */
function bessel(x: number): number[] {
  const scale = Math.sqrt(2 / (Math.PI * x));
  return [scale * Math.sin(x), scale * (Math.cos(x) - Math.sin(x) / (2 * x))];
}

const t = END;
const decayed = Math.exp(-t);
const poisson = range(9).map((i) => range(i - 1).reduce((y, j) => (y * t) / j, decayed));
const yule = range(9).map((i) => decayed * (1 - decayed) ** (i - 1));
const terminal = Math.sqrt(0.032 / 0.4);
const closer = 25 / (25 - t);
const closed: Readonly<Record<string, readonly number[]>> = {
  A1: [decayed],
  A2: [1 / Math.sqrt(1 + t)],
  A3: [Math.exp(Math.sin(t))],
  A4: [20 / (1 + 19 * Math.exp(-t / 4))],
  A5: [spiral(t)],
  B2: [1 + decayed / 2 + decayed ** 3 / 2, 1 - decayed ** 3, 1 - decayed / 2 + decayed ** 3 / 2],
  B4: [(2 + Math.cos(t)) * Math.cos(t), (2 + Math.cos(t)) * Math.sin(t), Math.sin(t)],
  B5: jacobi(t, 0.51),
  C1: [...poisson, 1 - poisson.reduce((sum, y) => sum + y, 0)],
  C2: [...yule, (1 - decayed) ** 9],
  C3: waves(10, t),
  C4: waves(51, t),
  ...Object.fromEntries(ECCENTRICITIES.map((e, i) => [`D${i + 1}`, kepler(e, t)])),
  E1: bessel(t + 1),
  E4: [30 + Math.log(Math.cosh(0.4 * terminal * t)) / 0.4, terminal * Math.tanh(0.4 * terminal * t)],
  E5: [(25 * Math.log(closer) - t + t ** 2 / 50) / 2, (closer - 1 / closer) / 2],
};

beforeAll(() => tf.setBackend('cpu'));

describe('the reference values', () => {
  it.each(Object.entries(closed))('of %s are those of the closed form', (name, exact) => {
    const end = endOf(problems.find((problem) => problem.name === name)!);
    expect(end).toHaveLength(exact.length);
    expect(errorOf(end, exact)).toBeLessThan(1e-13);
  });

  // By default of those that have no closed form; all with ODEGRAD_ALL.
  const solved = problems.filter(({ name }) => process.env['ODEGRAD_ALL'] || !closed[name]);
  it.each(solved.map((problem) => [problem.name, problem] as const))(
    'of %s are found by dopri8 at a tolerance of 1e-13, to what float64 resolves',
    (_, problem) => {
      expect(endOf(problem)).toHaveLength(problem.start.flat().length);
      const tolerance = 1e-13;
      const { status, error } = measureDetest(
        problem,
        { tableau: 'dopri8', tolerance, maxSteps: 50_000, of: 'end' },
        registry,
      );
      expect(status).toBe('finished');
      expect(error! * tolerance).toBeLessThan(2e-12);
    },
  );
});
