import {
  concat,
  mul,
  neg,
  reshape,
  slice,
  sum,
  valueAndGrad,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import type { CnfSlope, CnfState } from './flow.ts';

/** g(t, z), z and its value `[rows, d]`; row i of the value reads row i of z alone. */
export type RowField = (t: Scalar, z: Tensor) => Tensor;

/**
 * dz/dt = g, dδ/dt = −Σ_j ε_j (Jᵀε)_j, the trace of J = ∂g/∂z estimated by one vector–Jacobian product with `noise`
 * ε `[rows, d]` of mean 0 and covariance 1. Without bias where ε is the same throughout a solve.
 *
 * FFJORD, section 3.1; M. F. Hutchinson 1989.
 */
export function hutchinsonField(g: RowField, noise: Tensor): (t: Scalar, state: CnfState) => CnfSlope {
  return (t, [z]) => {
    const { value, grad } = valueAndGrad((x: Tensor) => g(t, x))(z, noise);
    return [value, neg(sum(mul(grad, noise), 1))];
  };
}

/**
 * dz/dt = g, dδ/dt = −tr ∂g/∂z, by d vector–Jacobian products: cost grows with d².
 *
 * R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural Ordinary Differential Equations, NeurIPS 2018, section 4,
 * theorem 1.
 */
export function exactField(g: RowField): (t: Scalar, state: CnfState) => CnfSlope {
  return (t, [z]) => {
    const [rows, d] = z.shape as [number, number];
    const entries = Array.from({ length: d }, (_, j) => {
      const column = (x: Tensor): Tensor => sum(slice(x, [0, j], [rows, 1]));
      const { grad } = valueAndGrad((x: Tensor) => column(g(t, x)))(z);
      return slice(grad, [0, j], [rows, 1]);
    });
    return [g(t, z), neg(reshape(sum(concat(entries, 1), 1), [rows]))];
  };
}
