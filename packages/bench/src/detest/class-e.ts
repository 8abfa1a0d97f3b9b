import * as tf from '@tensorflow/tfjs';
import type { DetestProblem } from './problem.ts';

/** Equations of second order: y and its rate. */
export const classE: readonly DetestProblem[] = [
  {
    name: 'E1',
    title: 'Bessel’s equation of order 1/2, from 1 on',
    start: [[0.671396707141803], [0.09540051444747447]],
    f(t, [y, rate]) {
      const x = tf.add(t, 1);
      const stiffness = tf.sub(1, tf.div(0.25, tf.square(x)));
      return [rate!, tf.neg(tf.add(tf.div(rate!, x), tf.mul(stiffness, y!)))];
    },
  },
  {
    name: 'E2',
    title: 'van der Pol’s equation',
    start: [[2], [0]],
    f: (_t, [y, rate]) => [rate!, tf.sub(tf.mul(tf.sub(1, tf.square(y!)), rate!), y!)],
  },
  {
    name: 'E3',
    title: 'Duffing’s equation',
    start: [[0], [0]],
    f(t, [y, rate]) {
      const spring = tf.sub(tf.div(tf.mul(tf.square(y!), y!), 6), y!);
      return [rate!, tf.add(spring, tf.mul(2, tf.sin(tf.mul(2.78535, t))))];
    },
  },
  {
    name: 'E4',
    title: 'a falling body in air',
    start: [[30], [0]],
    f: (_t, [, rate]) => [rate!, tf.sub(0.032, tf.mul(0.4, tf.square(rate!)))],
  },
  {
    name: 'E5',
    title: 'a linear pursuit',
    start: [[0], [0]],
    f: (t, [, rate]) => [rate!, tf.div(tf.sqrt(tf.add(1, tf.square(rate!))), tf.sub(25, t))],
  },
];
