import {
  add,
  exp,
  mean,
  mul,
  reshape,
  slice,
  square,
  sub,
  sum,
  tanh,
  tidy,
  transpose,
  zeros,
  type Scalar,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  type Variable,
} from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { odeint, type OdeOptions } from '@odegrad/engine-tfjs';
import { perceptron } from './dense.ts';
import { gatedCell } from './gated-cell.ts';
import { initializer } from './initializer.ts';

/** Sizes of a latent ODE. */
export interface LatentOdeOptions {
  /** Numbers of an observation. */
  readonly dimension: number;
  /** Numbers of the latent state. Default 4. */
  readonly latent?: number;
  /** Width of the hidden layers, and units of the encoder. Default 32. */
  readonly hidden?: number;
  /** Standard deviation of what is observed about what is decoded. Default 0.1. */
  readonly deviation?: number;
  /** Seed of the weights. Default 1. */
  readonly seed?: number;
}

/** A normal distribution of the latent state at the first time, `[rows, latent]` each. */
export interface Posterior {
  readonly mean: Tensor2D;
  readonly logVariance: Tensor2D;
}

/** A generative model of time series with irregular times. */
export interface LatentOde {
  readonly variables: Variable[];
  /** Latent states `[rows, latent]`, for `odeint` and `solve`. */
  field(t: Scalar, z: Tensor): Tensor;
  /** xs `[rows, ts.length, dimension]`, read from the last time to the first. */
  encode(ts: readonly number[], xs: Tensor3D): Posterior;
  /** The series that start from z `[rows, latent]` at ts[0]: `[rows, ts.length, dimension]`. */
  decode(z: Tensor, ts: readonly number[], ode?: OdeOptions): Tensor3D;
  /**
   * The evidence lower bound of xs in nats, the mean of the rows: a scalar. `noise` `[rows, latent]` is standard normal; the
   * posterior's sample is mean + deviation ⊙ noise. Differentiable in the variables.
   *
   * @throws {ArgumentError} if xs is not `[rows, ts.length, dimension]`; what `odeint` throws.
   */
  elbo(ts: readonly number[], xs: Tensor3D, noise: Tensor, ode?: OdeOptions): Scalar;
}

/**
 * A latent ODE with an ODE-RNN as encoder.
 *
 * Y. Rubanova, R. T. Q. Chen, D. Duvenaud, Latent Ordinary Differential Equations for Irregularly-Sampled Time Series,
 * NeurIPS 2019, section 3; R. T. Q. Chen et al., Neural Ordinary Differential Equations, NeurIPS 2018, section 5.
 *
 * @throws {ArgumentError} if a size is no whole number from 1 on, or `deviation` is not positive.
 */
export function latentOde({
  dimension,
  latent = 4,
  hidden = 32,
  deviation = 0.1,
  seed = 1,
}: LatentOdeOptions): LatentOde {
  for (const size of [dimension, latent, hidden])
    if (!Number.isSafeInteger(size) || size < 1)
      throw new ArgumentError(`A latent ODE has sizes from 1 on, not ${size}.`);
  if (!(deviation > 0)) throw new ArgumentError(`A deviation is positive, not ${deviation}.`);
  const draw = initializer(seed);
  const cell = gatedCell(draw, dimension, hidden);
  const between = perceptron(draw, [hidden, hidden, hidden], tanh);
  const head = perceptron(draw, [hidden, hidden, 2 * latent], tanh);
  const dynamics = perceptron(draw, [latent, hidden, latent], tanh);
  const output = perceptron(draw, [latent, hidden, dimension], tanh);

  const field: LatentOde['field'] = (_t, z) => dynamics.apply(z);
  const encode: LatentOde['encode'] = (ts, xs) => {
    const [rows] = xs.shape;
    let h: Tensor = zeros([rows, hidden]);
    for (let i = ts.length - 1; i >= 0; i--) {
      // One step of Euler's method to the observation before: the encoder only has to know how long ago things were.
      if (i < ts.length - 1) h = add(h, mul(between.apply(h), ts[i]! - ts[i + 1]!));
      h = cell.apply(h, reshape(slice(xs, [0, i, 0], [rows, 1, dimension]), [rows, dimension]));
    }
    const both = head.apply(h);
    return {
      mean: slice(both, [0, 0], [rows, latent]) as Tensor2D,
      logVariance: slice(both, [0, latent], [rows, latent]) as Tensor2D,
    };
  };
  const decode: LatentOde['decode'] = (z, ts, ode = {}) =>
    tidy(() => {
      const zs = odeint(field, z, ts, ode);
      const xs = output.apply(reshape(zs, [-1, latent]));
      return transpose(reshape(xs, [ts.length, z.shape[0], dimension]), [1, 0, 2]);
    });
  return {
    variables: [cell, between, head, dynamics, output].flatMap(({ variables }) => variables),
    field,
    encode,
    decode,
    elbo(ts, xs, noise, ode = {}) {
      if (xs.shape[1] !== ts.length || xs.shape[2] !== dimension)
        throw new ArgumentError(
          `Series of ${ts.length} times are [rows, ${ts.length}, ${dimension}], not [${xs.shape.join(', ')}].`,
        );
      return tidy(() => {
        const { mean: center, logVariance } = encode(ts, xs);
        const z = add(center, mul(exp(mul(0.5, logVariance)), noise));
        const misfit = sum(square(sub(decode(z, ts, ode), xs)), [1, 2]);
        const constant = -ts.length * dimension * Math.log(deviation * Math.sqrt(2 * Math.PI));
        const logLikelihood = add(mul(misfit, -0.5 / deviation ** 2), constant);
        const divergence = mul(0.5, sum(sub(add(square(center), exp(logVariance)), add(logVariance, 1)), 1));
        return mean(sub(logLikelihood, divergence));
      });
    },
  };
}
