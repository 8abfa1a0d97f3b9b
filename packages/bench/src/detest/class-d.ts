import * as tf from '@tensorflow/tfjs';
import type { DetestProblem } from './problem.ts';

/** Eccentricities, by the number of the problem. */
export const ECCENTRICITIES: readonly number[] = [0.1, 0.3, 0.5, 0.7, 0.9];

/** A body on an ellipse, from where it is nearest: position and velocity, (1 − e, 0) and (0, √((1 + e) / (1 − e))) at first. */
export const classD: readonly DetestProblem[] = ECCENTRICITIES.map((e, i) => ({
  name: `D${i + 1}`,
  title: `an orbit of eccentricity ${e}`,
  start: [[1 - e], [0], [0], [Math.sqrt((1 + e) / (1 - e))]],
  f(_t, [x, y, u, v]) {
    const square = tf.add(tf.square(x!), tf.square(y!));
    const cube = tf.mul(square, tf.sqrt(square));
    return [u!, v!, tf.neg(tf.div(x!, cube)), tf.neg(tf.div(y!, cube))];
  },
}));
