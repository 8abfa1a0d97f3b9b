import * as tf from '@tensorflow/tfjs';
import type { OdeOptions } from '@odegrad/engine-tfjs';
import { cnf, logDensity, stack, type Flow } from '@odegrad/models';
import type { Random } from '../../random.ts';
import { train } from '../../train/train.ts';

/** Points to learn from, and points that are held back. */
export interface Sampled {
  readonly name: string;
  readonly dimension: number;
  /** Draws `[count, dimension]` for one iteration. */
  batch(count: number): tf.Tensor2D;
  readonly held: readonly (readonly number[])[];
  /** Mean of −log p of what is held back, where p is known: no model can expect less. */
  readonly entropy?: number;
  /** What is added to a mean of −log p to have it in the data's units. */
  readonly logScale: number;
}

/** A flow and how it is trained. */
export interface FlowTraining {
  readonly components: number;
  readonly hidden: readonly number[];
  readonly activation: 'softplus' | 'tanh';
  readonly batch: number;
  readonly iterations: number;
  readonly learningRate: number;
}

/** What a training gave. */
export interface FittedFlow {
  readonly sampled: Sampled;
  /** Its variables are the caller's to dispose of. */
  readonly flow: Flow;
  /** Mean of −log p of the batches, in nats. */
  readonly losses: readonly number[];
  /** The same of what is held back. */
  readonly held: number;
  /** That of a normal distribution with the means and deviations of what is held back. */
  readonly gaussian: number;
}

export function openFlow(dimension: number, { components, hidden, activation }: FlowTraining): Flow {
  return stack(
    Array.from({ length: components }, (_, i) => cnf({ dimension, hidden, activation, seed: i + 1 })),
  );
}

/** The mean of −log p of a batch. */
export function negativeLogLikelihood(flow: Flow, x: tf.Tensor2D, ode: OdeOptions): tf.Scalar {
  return tf.tidy(() => tf.neg<tf.Scalar>(tf.mean(logDensity(flow, x, { ode }))));
}

/** Trains a flow on points by maximum likelihood. */
export function fitFlow(sampled: Sampled, training: FlowTraining, ode: OdeOptions): FittedFlow {
  const flow = openFlow(sampled.dimension, training);
  const loss = (options: OdeOptions): tf.Scalar =>
    tf.tidy(() => negativeLogLikelihood(flow, sampled.batch(training.batch), options));
  const losses = Array.from(
    train({ loss, variables: flow.variables }, { ode, ...training }),
    (step) => step.loss,
  );
  const held = tf.tidy(
    () => negativeLogLikelihood(flow, tf.tensor2d(sampled.held as number[][]), ode).dataSync()[0]!,
  );
  return { sampled, flow, losses, held, gaussian: gaussianOf(sampled.held) };
}

function gaussianOf(rows: readonly (readonly number[])[]): number {
  return rows[0]!.reduce((total, _, j) => {
    const values = rows.map((row) => row[j]!);
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    return total + 0.5 * Math.log(2 * Math.PI * Math.E * variance);
  }, 0);
}

/** Points of a table, drawn in any order. */
export function batchOf(rows: readonly (readonly number[])[], random: Random, count: number): tf.Tensor2D {
  return tf.tensor2d(Array.from({ length: count }, () => [...rows[random.below(rows.length)]!]));
}
