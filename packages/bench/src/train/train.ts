import * as tf from '@tensorflow/tfjs';
import { createLedger, type Statistics } from '@odegrad/core';
import { isolated, type OdeOptions } from '@odegrad/engine-tfjs';
import { counted } from '../counted.ts';
import type { Model } from '../problems/problem.ts';

/** How a model is trained. */
export interface TrainingOptions {
  /** Solver, gradient, engine, tolerances. */
  readonly ode: OdeOptions;
  readonly iterations: number;
  /** Of the first iteration; it falls to zero along half a cosine. */
  readonly learningRate: number;
}

/** One iteration. */
export interface TrainingStep {
  /** From 1 on. */
  readonly iteration: number;
  /** Before the step was taken. */
  readonly loss: number;
  readonly ms: number;
  readonly stats: Statistics;
}

const MAX_NORM = 1;

/** Trains by Adam, one step at each turn of the loop over it. */
export function* train(
  model: Pick<Model, 'loss' | 'variables'>,
  { ode, iterations, learningRate }: TrainingOptions,
): Generator<TrainingStep> {
  const optimizer: tf.Optimizer = tf.train.adam(learningRate);
  // TensorFlow.js reads this field at each step, and has no other way to change the rate.
  const rate = optimizer as unknown as { learningRate: number };
  try {
    for (let iteration = 1; iteration <= iterations; iteration++) {
      const start = performance.now();
      rate.learningRate = learningRate * 0.5 * (1 + Math.cos((Math.PI * (iteration - 1)) / iterations));
      const stats = createLedger();
      const { value, grads } = afterTraining(iteration - 1, () =>
        // Isolated: when a loss throws, TensorFlow.js forgets what its tape has saved.
        isolated(() => tf.variableGrads(() => model.loss({ ...ode, ledger: stats }), [...model.variables])),
      );
      const loss = value.dataSync()[0]!;
      const clipped = clip(grads);
      optimizer.applyGradients(clipped);
      tf.dispose([value, grads, clipped]);
      yield { iteration, loss, ms: performance.now() - start, stats };
    }
  } finally {
    optimizer.dispose();
  }
}

/** Does work with a model that was trained for so many iterations; what fails then is more likely the training than the work. */
export function afterTraining<T>(iterations: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (iterations === 0 || !(error instanceof Error)) throw error;
    throw new Error(
      `After ${counted(iterations, 'iteration')}: ${error.message} The training may have diverged; try a smaller --learning-rate.`,
      { cause: error },
    );
  }
}

/** Scales gradients so that their common 2-norm is `MAX_NORM` at most: long trajectories have steep losses. */
function clip(gradients: tf.NamedTensorMap): tf.NamedTensorMap {
  const entries = Object.values(gradients).flatMap((g) => [...g.dataSync<'float32'>()]);
  const norm = Math.hypot(...entries);
  const scale = Math.min(1, MAX_NORM / norm);
  return Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, tf.mul(g, scale)]));
}
