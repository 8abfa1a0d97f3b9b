import {
  grad,
  mul,
  reshape,
  sum,
  tidy,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import type { Float64Tensor } from '@odegrad/engine-tfjs';
import { energyDensity, energyDensity64, energyWeights } from './energy-network.ts';
import { centralDifference, secondDifference, type Structure } from './periodic.ts';

/** What a Hamiltonian PDE is made of. */
export interface HamiltonianPdeOptions {
  /** Points of the periodic grid, 3 at least. */
  readonly points: number;
  /** Length of the domain. */
  readonly length: number;
  /** What turns ∂H/∂u into u′: that of the Korteweg–de Vries or Cahn–Hilliard equation, or a linear operator of your own. */
  readonly structure: 'kdv' | 'cahn-hilliard' | Structure;
  /** Channels of the energy network. Default 200. */
  readonly hidden?: number;
  /** Seed of the weights. Default 1. */
  readonly seed?: number;
}

/** Numbers of a state that its structure keeps or lets fall, in doubles. */
export interface Observed {
  /** ∫ H dx, of each row. */
  readonly energy: Float64Array;
  /** ∫ u dx, of each row. */
  readonly mass: Float64Array;
}

/** A PDE u_t = D δH/δu whose energy H is learned. */
export interface HamiltonianPde {
  readonly variables: Variable[];
  /** Distance of neighbouring points. */
  readonly dx: number;
  /** ∫ H dx of each row of u: `[rows, points]` → `[rows]`. */
  energy(u: Tensor): Tensor;
  /** For `odeint` and `solve`: u `[rows, points]`, on tensors or, with an engine that has float64, in doubles. */
  field(t: Scalar, u: Tensor): Tensor;
  /**
   * Energy and mass of rows of points, `[rows, points]` or `[times, rows, points]`, in doubles.
   *
   * @throws {ArgumentError} if the last axis is not the model's points.
   */
  observe(u: Tensor | Float64Tensor): Observed;
}

/** u′ = D ∂H/∂u, where `density` gives the energy densities of u. */
export function hamiltonianField(
  density: (u: Tensor) => Tensor,
  structure: Structure,
): (t: Scalar, u: Tensor) => Tensor {
  // The functional derivative is the gradient over Δx, and the energy is Δx times the densities' sum.
  return (_t, u) => structure(grad((x: Tensor) => sum(density(x)))(u));
}

/**
 * A PDE in Hamiltonian or gradient-flow form with an energy network of periodic convolutions (widths 3, 1, 1, with tanh).
 *
 * T. Matsubara, A. Ishikawa, T. Yaguchi, Deep Energy-Based Modeling of Discrete-Time Physics, NeurIPS 2020: the model of the
 * paper's code for the Korteweg–de Vries and Cahn–Hilliard equations.
 *
 * @throws {ArgumentError} for sizes that are no whole numbers or too small, or a length that is not positive.
 */
export function hamiltonianPde({
  points,
  length,
  structure,
  hidden = 200,
  seed = 1,
}: HamiltonianPdeOptions): HamiltonianPde {
  if (!Number.isSafeInteger(points) || points < 3)
    throw new ArgumentError(`A periodic grid has 3 points at least, not ${points}.`);
  if (!Number.isSafeInteger(hidden) || hidden < 1)
    throw new ArgumentError(`An energy network has channels from 1 on, not ${hidden}.`);
  const dx = length / points;
  const operator = structureOf(structure, dx);
  const weights = energyWeights(hidden, seed);
  return {
    variables: Object.values(weights),
    dx,
    energy: (u) => tidy(() => mul(sum(reshape(energyDensity(u, weights), u.shape), 1), dx)),
    field: hamiltonianField((u) => energyDensity(u, weights), operator),
    observe(u) {
      if (u.shape.at(-1) !== points)
        throw new ArgumentError(
          `The last axis of [${u.shape.join(', ')}] is not the ${points} points of the model.`,
        );
      const data =
        'data' in u && u.data instanceof Float64Array
          ? u.data
          : Float64Array.from((u as Tensor).dataSync<'float32'>());
      const rows = Array.from({ length: data.length / points }, (_, i) =>
        data.subarray(i * points, (i + 1) * points),
      );
      const integral = (values: Float64Array): number => dx * values.reduce((total, v) => total + v, 0);
      return {
        energy: Float64Array.from(rows, (row) => integral(energyDensity64(row, weights))),
        mass: Float64Array.from(rows, integral),
      };
    },
  };
}

function structureOf(structure: HamiltonianPdeOptions['structure'], dx: number): Structure {
  if (typeof structure === 'function') return structure;
  return structure === 'kdv' ? centralDifference(dx) : secondDifference(dx);
}
