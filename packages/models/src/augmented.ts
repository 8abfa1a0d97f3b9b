import {
  concat,
  mul,
  ones,
  relu,
  reshape,
  slice,
  tidy,
  zeros,
  type Scalar,
  type Tensor,
  type Tensor2D,
  type Variable,
} from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { odeint, type OdeOptions } from '@odegrad/engine-tfjs';
import { perceptron } from './dense.ts';
import { initializer } from './initializer.ts';

/** Sizes of an augmented neural ODE. */
export interface AugmentedOptions {
  /** Numbers of a row of data. */
  readonly dimension: number;
  /** Numbers that are added, zero in the beginning. Default 1. */
  readonly extra?: number;
  /** Widths of the hidden layers of the field. Default `[32, 32]`. */
  readonly hidden?: readonly number[];
  /** Seed of the weights. Default 1. */
  readonly seed?: number;
}

/** A neural ODE in a space of more dimensions than its data. */
export interface Augmented {
  readonly variables: Variable[];
  /** For `odeint` and `solve`: states `[rows, dimension + extra]`. It depends on time. */
  field(t: Scalar, state: Tensor): Tensor;
  /** x `[rows, dimension]` → `[rows, dimension + extra]`, the new columns zero. */
  augment(x: Tensor): Tensor2D;
  /** The columns of the data: `[rows, dimension + extra]` → `[rows, dimension]`. */
  project(state: Tensor): Tensor2D;
  /** The state at time 1 that starts from `augment(x)`: `[rows, dimension + extra]`. Differentiable. @throws what `odeint` throws. */
  apply(x: Tensor, ode?: OdeOptions): Tensor2D;
}

/**
 * A neural ODE on the data with zeros appended, whose trajectories have room to pass one another.
 *
 * E. Dupont, A. Doucet, Y. W. Teh, Augmented Neural ODEs, NeurIPS 2019, section 4.
 *
 * @throws {ArgumentError} if a size is no whole number from 1 on.
 */
export function augmented({
  dimension,
  extra = 1,
  hidden = [32, 32],
  seed = 1,
}: AugmentedOptions): Augmented {
  for (const size of [dimension, extra, ...hidden])
    if (!Number.isSafeInteger(size) || size < 1)
      throw new ArgumentError(`An augmented neural ODE has sizes from 1 on, not ${size}.`);
  const width = dimension + extra;
  const network = perceptron(initializer(seed), [width + 1, ...hidden, width], relu);
  const field: Augmented['field'] = (t, state) =>
    network.apply(concat([state, mul(ones([state.shape[0], 1]), t)], 1));
  const augment = (x: Tensor): Tensor2D => concat([x, zeros([x.shape[0], extra])], 1) as Tensor2D;
  return {
    variables: network.variables,
    field,
    augment,
    project: (state) => slice(state, [0, 0], [state.shape[0], dimension]) as Tensor2D,
    apply: (x, ode = {}) =>
      tidy(() => reshape(slice(odeint(field, augment(x), [0, 1], ode), 1), [x.shape[0], width])),
  };
}
