import { add, concat, div, mul, reshape, slice, stack, sub, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';

/** A linear operator on rows of points of a periodic grid, `[rows, points]` → `[rows, points]`. */
export type Structure = (g: Tensor) => Tensor;

/** Shifts the columns of a matrix round by one, to the right (1) or to the left (−1). */
function roll(x: Tensor, by: 1 | -1): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const cut = by === 1 ? columns - 1 : 1;
  return concat([slice(x, [0, cut], [rows, columns - cut]), slice(x, [0, 0], [rows, cut])], 1);
}

/** Each point with its two neighbours: `[rows, points]` → `[rows·points, 3]`. A convolution of width 3 is a product of these. */
export function patches(u: Tensor): Tensor {
  return reshape(stack([roll(u, 1), u, roll(u, -1)], 2), [-1, 3]);
}

/**
 * (g_{i+1} − g_{i−1}) / 2Δx, skew-symmetric: u′ = D ∇H keeps the energy H and the sum of u, as the Korteweg–de Vries equation
 * does.
 *
 * @throws {ArgumentError} if `dx` is not positive.
 */
export function centralDifference(dx: number): Structure {
  checkSpacing(dx);
  return (g) => div(sub(roll(g, -1), roll(g, 1)), 2 * dx);
}

/**
 * (g_{i+1} − 2 g_i + g_{i−1}) / Δx², negative semidefinite: u′ = D² ∇H lets the energy H fall and keeps the sum of u, as the
 * Cahn–Hilliard equation does.
 *
 * @throws {ArgumentError} if `dx` is not positive.
 */
export function secondDifference(dx: number): Structure {
  checkSpacing(dx);
  return (g) => div(sub(add(roll(g, -1), roll(g, 1)), mul(2, g)), dx * dx);
}

function checkSpacing(dx: number): void {
  if (!(dx > 0 && dx < Infinity)) throw new ArgumentError(`Points lie a positive distance apart, not ${dx}.`);
}
