import {
  add,
  mul,
  randomNormal,
  square,
  sub,
  sum,
  tidy,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Variable,
} from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import type { OdeOptions } from '@odegrad/engine-tfjs';

/** Points z `[rows, d]` and δ `[rows]`, minus the integral of the divergence. */
export type CnfState = readonly [z: Tensor, delta: Tensor];
export type CnfSlope = readonly [z: Tensor, delta: Tensor];

/** How a flow is solved. */
export interface FlowOptions {
  /** Of `odeint`. */
  readonly ode?: OdeOptions;
  /** Seed of the noise of trace estimators. Without one it is new each time. */
  readonly noise?: number;
}

/** An invertible map between data and points of a standard normal distribution. */
export interface Flow {
  readonly dimension: number;
  readonly variables: Variable[];
  /** x `[rows, d]` → z `[rows, d]` and log |det ∂z/∂x| `[rows]`. Differentiable in x and in the variables. */
  toBase(x: Tensor, options?: FlowOptions): { readonly z: Tensor; readonly logDeterminant: Tensor };
  /** z `[rows, d]` → x `[rows, d]`. Differentiable in z and in the variables. */
  fromBase(z: Tensor, options?: FlowOptions): Tensor;
}

/**
 * log p(x) of each row of x `[rows, d]`, in nats: `[rows]`. With Hutchinson's trace it is an estimate without bias.
 *
 * @throws {ArgumentError} if x is not of the flow's dimension; what `odeint` throws.
 */
export function logDensity(flow: Flow, x: Tensor2D, options: FlowOptions = {}): Tensor1D {
  const { dimension } = flow;
  // By its shape as it is: programs without types come here too.
  const [, columns, ...more]: readonly number[] = x.shape;
  if (columns !== dimension || more.length > 0)
    throw new ArgumentError(`x is [${x.shape.join(', ')}], but the flow takes [rows, ${dimension}].`);
  return tidy(() => {
    const { z, logDeterminant } = flow.toBase(x, options);
    const normal = sub(mul(-0.5, sum(square(z), 1)), 0.5 * dimension * Math.log(2 * Math.PI));
    return add(normal, logDeterminant);
  });
}

/**
 * Draws `count` points: `[count, d]`. With a `seed` the same ones each time.
 *
 * @throws what `odeint` throws.
 */
export function sample(
  flow: Flow,
  count: number,
  { ode, seed }: { ode?: OdeOptions; seed?: number } = {},
): Tensor2D {
  return tidy(() => {
    const z = randomNormal([count, flow.dimension], 0, 1, 'float32', seed);
    return flow.fromBase(z, ode ? { ode } : {}) as Tensor2D;
  });
}

/**
 * Flows one after the other, from the data to the base: FFJORD's `num_blocks`. Components of the same sizes are
 * recorded alike, and an engine that compiles compiles them once.
 *
 * @throws {ArgumentError} without flows, or for flows of different dimensions.
 */
export function stack(flows: readonly Flow[]): Flow {
  const [first] = flows;
  if (!first) throw new ArgumentError('A stack needs a flow at least.');
  const { dimension } = first;
  const other = flows.find((flow) => flow.dimension !== dimension);
  if (other)
    throw new ArgumentError(
      `The flows of a stack have one dimension, but these have ${dimension} and ${other.dimension}.`,
    );
  // Noise of its own for each, where it is drawn from a seed.
  const optionsOf = (options: FlowOptions, i: number): FlowOptions =>
    options.noise === undefined ? options : { ...options, noise: flows.length * options.noise + i };
  return {
    dimension,
    variables: flows.flatMap(({ variables }) => variables),
    toBase(x, options = {}) {
      let [z, total]: [Tensor, Tensor | undefined] = [x, undefined];
      for (const [i, flow] of flows.entries()) {
        const step = flow.toBase(z, optionsOf(options, i));
        z = step.z;
        total = total ? add(total, step.logDeterminant) : step.logDeterminant;
      }
      return { z, logDeterminant: total! };
    },
    fromBase: (z, options = {}) => flows.reduceRight((x, flow) => flow.fromBase(x, options), z),
  };
}
