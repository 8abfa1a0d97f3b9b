import * as tf from '@tensorflow/tfjs';
import type { DetestProblem } from './problem.ts';

/** Single equations. */
export const classA: readonly DetestProblem[] = [
  { name: 'A1', title: 'exponential decay', start: [[1]], f: (_t, [y]) => [tf.neg(y!)] },
  {
    name: 'A2',
    title: 'a Riccati equation',
    start: [[1]],
    f: (_t, [y]) => [tf.mul(-0.5, tf.mul(tf.square(y!), y!))],
  },
  { name: 'A3', title: 'an oscillation', start: [[1]], f: (t, [y]) => [tf.mul(y!, tf.cos(t))] },
  {
    name: 'A4',
    title: 'a logistic curve',
    start: [[1]],
    f: (_t, [y]) => [tf.mul(tf.div(y!, 4), tf.sub(1, tf.div(y!, 20)))],
  },
  {
    name: 'A5',
    title: 'a spiral curve',
    start: [[4]],
    f: (t, [y]) => [tf.div(tf.sub(y!, t), tf.add(y!, t))],
  },
];
