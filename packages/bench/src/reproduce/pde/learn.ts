import * as tf from '@tensorflow/tfjs';
import { odeint, type OdeOptions } from '@odegrad/engine-tfjs';
import { hamiltonianPde, type HamiltonianPde } from '@odegrad/models';
import { createRandom } from '../../random.ts';
import { train } from '../../train/train.ts';
import { stateAt, type Trajectories } from './data.ts';
import type { Equation } from './equation.ts';

/** How a model is trained. */
export interface Training {
  readonly hidden: number;
  readonly batch: number;
  readonly iterations: number;
  readonly learningRate: number;
  readonly ode: OdeOptions;
}

/** What a training with one strategy gave. */
export interface Learned {
  readonly strategy: string;
  /** Its variables are the caller's to dispose of. */
  readonly model: HamiltonianPde;
  readonly losses: readonly number[];
  /** Why it ended before its time. */
  readonly failure?: string;
  /** Of all iterations. */
  readonly evaluations: number;
}

/** States and those that follow them. */
export interface Pairs {
  readonly from: tf.Tensor2D;
  readonly to: tf.Tensor2D;
  readonly interval: number;
}

/** All neighbouring states of trajectories, or `count` of them that `pick` draws. The tensors are the caller's. */
export function pairsOf(
  data: Trajectories,
  pick?: { count: number; below: (limit: number) => number },
): Pairs {
  const { ts, rows, points } = data;
  const all = rows * (ts.length - 1);
  const chosen = Array.from({ length: pick?.count ?? all }, (_, i) => (pick ? pick.below(all) : i));
  const tensor = (later: number): tf.Tensor2D =>
    tf.tensor2d(
      Float32Array.from(chosen.flatMap((k) => [...stateAt(data, Math.floor(k / rows) + later, k % rows)])),
      [chosen.length, points],
    );
  return { from: tensor(0), to: tensor(1), interval: ts[1]! };
}

/** The squared error of one interval, relative to that of predicting that nothing moves. */
export function relativeLoss(
  model: HamiltonianPde,
  { from, to, interval }: Pairs,
  ode: OdeOptions,
): tf.Scalar {
  return tf.tidy(() => {
    const ends = odeint((t, u) => model.field(t, u), from, [0, interval], ode);
    const end = tf.reshape(tf.slice(ends, 1), from.shape);
    return tf.div(tf.mean(tf.squaredDifference(end, to)), tf.mean(tf.squaredDifference(from, to)));
  });
}

/** Trains an energy network on neighbouring states; every strategy gets the same weights and batches. */
export function learn(
  { name, length }: Equation,
  data: Trajectories,
  strategy: string,
  { hidden, batch, iterations, learningRate, ode }: Training,
): Learned {
  const model = hamiltonianPde({ points: data.points, length, structure: name, hidden, seed: 1 });
  const random = createRandom(2);
  const losses: number[] = [];
  let evaluations = 0;
  let failure: string | undefined;
  const loss = (options: OdeOptions): tf.Scalar => {
    const pairs = pairsOf(data, { count: batch, below: random.below });
    return relativeLoss(model, pairs, options);
  };
  try {
    const steps = train(
      { loss, variables: model.variables },
      { ode: { ...ode, gradient: strategy }, iterations, learningRate },
    );
    for (const step of steps) {
      losses.push(step.loss);
      evaluations += step.stats.evaluationsForward + step.stats.evaluationsBackward;
      if (!Number.isFinite(step.loss)) throw new Error('the loss is no number');
    }
  } catch (error) {
    // A training that diverges is a result here.
    failure = `after ${losses.length} iterations: ${error instanceof Error ? error.message : String(error)}`;
  }
  return {
    strategy,
    model,
    losses,
    ...(failure === undefined ? {} : { failure }),
    evaluations,
  };
}
