import * as tf from '@tensorflow/tfjs';
import { centralDifference, secondDifference } from '@odegrad/models';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../random.ts';
import { makeData, stateAt } from './data.ts';
import { cahnHilliardEquation, kdvEquation } from './equation.ts';

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

describe.each([
  { equation: kdvEquation, structure: centralDifference, kept: true },
  { equation: cahnHilliardEquation, structure: secondDifference, kept: false },
])('$equation.title', ({ equation, structure, kept }) => {
  const points = 16;
  const dx = equation.length / points;

  it('moves along its structure applied to the derivative of its energy', () => {
    const u = Float64Array.from(equation.start(createRandom(4), points));
    const eps = 1e-5;
    const derivative = Array.from(u, (_, i) => {
      const moved = (by: number): number =>
        equation.energy(
          u.map((v, k) => (k === i ? v + by : v)),
          dx,
        );
      return (moved(eps) - moved(-eps)) / (2 * eps * dx);
    });
    tf.tidy(() => {
      const wanted = structure(dx)(tf.tensor2d([derivative])).dataSync();
      const found = equation.slope(tf.tensor2d([[...u]]), dx).dataSync();
      const size = Math.max(...wanted.map(Math.abs));
      for (const [i, v] of found.entries()) expect(Math.abs(v - wanted[i]!) / size).toBeLessThan(1e-4);
    });
  });

  it('has data that keep what it keeps', () => {
    const data = makeData(equation, { rows: 2, points, outputs: 5 }, 3);
    const energies = data.ts.map((_, i) => equation.energy(stateAt(data, i, 1), dx));
    const mass = (time: number): number => stateAt(data, time, 1).reduce((sum, v) => sum + v, 0);
    expect(Math.abs(mass(4) - mass(0))).toBeLessThan(1e-10);
    // The energy is an invariant of third order for KdV, and so of the grid only up to its width.
    const change = energies.map((e, i) => (i > 0 ? e - energies[i - 1]! : 0));
    if (kept) expect(Math.max(...change.map(Math.abs)) / Math.abs(energies[0]!)).toBeLessThan(1e-6);
    else expect(Math.max(...change.slice(1))).toBeLessThan(0);
  });
});
