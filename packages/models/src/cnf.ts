import {
  greater,
  neg,
  randomUniform,
  reshape,
  slice,
  softplus,
  sub,
  tanh,
  mul,
  cast,
  zeros,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { odeint } from '@odegrad/engine-tfjs';
import { squashNetwork } from './concat-squash.ts';
import type { CnfSlope, CnfState, Flow } from './flow.ts';
import { exactField, hutchinsonField } from './trace.ts';

/** What a continuous normalizing flow is made of. */
export interface CnfOptions {
  /** Numbers of a row. */
  readonly dimension: number;
  /** Widths of the hidden layers. Default `[64, 64]`. */
  readonly hidden?: readonly number[];
  /** Between the layers; smooth, since it is differentiated twice. Default `'softplus'`. */
  readonly activation?: 'softplus' | 'tanh';
  /** How the divergence is found. Default `'exact'` up to 3 dimensions, else `'hutchinson'`. */
  readonly trace?: 'exact' | 'hutchinson';
  /** Length of the flow in time. Default 1. */
  readonly time?: number;
  /** Seed of the weights. Default 1. */
  readonly seed?: number;
}

/** A continuous normalizing flow. */
export interface Cnf extends Flow {
  readonly time: number;
  /**
   * What is solved from the data to the base, over [0, time]: (z `[rows, d]`, δ `[rows]`) from (x, 0), and
   * log |det ∂z/∂x| = −δ at the end. With `noise` `[rows, d]` by Hutchinson's trace, without exactly. It is there for `solve`, in
   * doubles for one.
   */
  field(noise?: Tensor): (t: Scalar, state: CnfState) => CnfSlope;
}

/** The largest dimension whose trace is taken exactly where nothing else is said. */
const FEW = 3;

/**
 * A continuous normalizing flow with a network of concat-squash layers. Use `logDensity`, `sample` and `stack` with it.
 *
 * W. Grathwohl et al., FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative Models, ICLR 2019, section 3;
 * R. T. Q. Chen et al., Neural Ordinary Differential Equations, NeurIPS 2018, section 4.
 *
 * @throws {ArgumentError} if a size is no whole number from 1 on, or `time` is not positive.
 */
export function cnf({
  dimension,
  hidden = [64, 64],
  activation = 'softplus',
  trace = dimension > FEW ? 'hutchinson' : 'exact',
  time = 1,
  seed = 1,
}: CnfOptions): Cnf {
  for (const size of [dimension, ...hidden])
    if (!Number.isSafeInteger(size) || size < 1)
      throw new ArgumentError(`A flow has sizes from 1 on, not ${size}.`);
  if (!(time > 0 && time < Infinity)) throw new ArgumentError(`A flow takes a positive time, not ${time}.`);
  const network = squashNetwork(
    [dimension, ...hidden, dimension],
    activation === 'tanh' ? tanh : softplus,
    seed,
  );
  const g = (t: Scalar, z: Tensor): Tensor => network.apply(t, z);
  const field: Cnf['field'] = (noise) => (noise ? hutchinsonField(g, noise) : exactField(g));
  return {
    dimension,
    time,
    variables: network.variables,
    field,
    toBase(x, { ode = {}, noise } = {}) {
      const [rows] = x.shape as [number, number];
      const f = field(trace === 'hutchinson' ? signs(x.shape, noise) : undefined);
      const [zs, deltas] = odeint(f, [x, zeros([rows])] as CnfState, [0, time], ode);
      return { z: at(zs, 1), logDeterminant: neg(at(deltas, 1)) };
    },
    fromBase: (z, { ode = {} } = {}) => at(odeint(g, z, [time, 0], ode), 1),
  };
}

/** Entry i of the first axis. */
function at(x: Tensor, i: number): Tensor {
  return reshape(slice(x, i, 1), x.shape.slice(1));
}

/** ±1, each as likely: of all noise with covariance 1 that of the least variance. */
function signs(shape: number[], seed: number | undefined): Tensor {
  const draw = randomUniform(shape, 0, 1, 'float32', seed);
  return sub(mul(2, cast(greater(draw, 0.5), 'float32')), 1);
}
