import * as tf from '@tensorflow/tfjs';
import { centralDifference, secondDifference } from '@odegrad/models';
import type { Random } from '../../random.ts';

/** A PDE u_t = D δH/δu on a periodic grid, as its data are made. */
export interface Equation {
  readonly name: 'kdv' | 'cahn-hilliard';
  readonly title: string;
  readonly formula: string;
  readonly length: number;
  readonly duration: number;
  /** u_t, in tensors `[rows, points]`. */
  slope(u: tf.Tensor, dx: number): tf.Tensor;
  /** ∫ H dx of one row, in doubles. */
  energy(u: Float64Array, dx: number): number;
  /** A first state. */
  start(random: Random, points: number): number[];
}

/** Σ density(u_i, (u_{i+1} − u_i) / Δx) Δx: its gradient has central second differences. */
function integral(u: Float64Array, dx: number, density: (u: number, ux: number) => number): number {
  const n = u.length;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += density(u[i]!, (u[(i + 1) % n]! - u[i]!) / dx);
  return sum * dx;
}

const KDV = { a: -6, b: 1 };

/** The Korteweg–de Vries equation with two solitons. */
export const kdvEquation: Equation = {
  name: 'kdv',
  title: 'Korteweg–de Vries',
  formula: 'u_t = ∂/∂x (3u² + u_xx)',
  length: 10,
  duration: 0.5,
  slope(u, dx) {
    const potential = tf.add(tf.mul(-KDV.a / 2, tf.square(u)), tf.mul(KDV.b, secondDifference(dx)(u)));
    return centralDifference(dx)(potential);
  },
  energy: (row, dx) => integral(row, dx, (u, ux) => (-KDV.a / 6) * u ** 3 - (KDV.b / 2) * ux ** 2),
  start(random, points) {
    const solitons = [0, 1].map(() => ({
      k: 1 + 0.5 * random.symmetric(1),
      center: 5 + random.symmetric(5),
    }));
    return Array.from({ length: points }, (_, i) => {
      const x = (i * 10) / points;
      return solitons.reduce((sum, { k, center }) => {
        // Of all its copies on the periodic line the nearest.
        const away = ((((x - center + 5) % 10) + 10) % 10) - 5;
        return sum + (2 * k * k) / Math.cosh(k * away) ** 2;
      }, 0);
    });
  },
};

const GAMMA = 5e-4;

/** The Cahn–Hilliard equation from small noise. */
export const cahnHilliardEquation: Equation = {
  name: 'cahn-hilliard',
  title: 'Cahn–Hilliard',
  formula: 'u_t = ∂²/∂x² (u³ − u − 0.0005 u_xx)',
  length: 1,
  duration: 0.05,
  slope(u, dx) {
    const second = secondDifference(dx);
    return second(tf.sub(tf.sub(tf.mul(u, tf.square(u)), u), tf.mul(GAMMA, second(u))));
  },
  energy: (row, dx) => integral(row, dx, (u, ux) => u ** 4 / 4 - u ** 2 / 2 + (GAMMA / 2) * ux ** 2),
  start: (random, points) => Array.from({ length: points }, () => random.symmetric(0.05)),
};
