import * as tf from '@tensorflow/tfjs';
import type { DetestProblem } from './problem.ts';

/** Small systems. */
export const classB: readonly DetestProblem[] = [
  {
    name: 'B1',
    title: 'growth of two populations in conflict',
    start: [[1], [3]],
    f(_t, [x, y]) {
      const met = tf.mul(x!, y!);
      return [tf.mul(2, tf.sub(x!, met)), tf.sub(met, y!)];
    },
  },
  {
    name: 'B2',
    title: 'a linear chemical reaction',
    start: [[2], [0], [1]],
    f(_t, [x, y, z]) {
      const [there, back] = [tf.sub(y!, x!), tf.sub(y!, z!)];
      return [there, tf.neg(tf.add(there, back)), back];
    },
  },
  {
    name: 'B3',
    title: 'a non-linear chemical reaction',
    start: [[1], [0], [0]],
    f(_t, [x, y]) {
      const made = tf.square(y!);
      return [tf.neg(x!), tf.sub(x!, made), made];
    },
  },
  {
    name: 'B4',
    title: 'an integral surface of a torus',
    start: [[3], [0], [0]],
    f(_t, [x, y, z]) {
      const r = tf.sqrt(tf.add(tf.square(x!), tf.square(y!)));
      const [along, across] = [tf.div(x!, r), tf.div(y!, r)];
      return [tf.neg(tf.add(y!, tf.mul(along, z!))), tf.sub(x!, tf.mul(across, z!)), along];
    },
  },
  {
    name: 'B5',
    title: 'Euler’s equations of a rigid body',
    start: [[0], [1], [1]],
    f: (_t, [x, y, z]) => [tf.mul(y!, z!), tf.neg(tf.mul(x!, z!)), tf.mul(-0.51, tf.mul(x!, y!))],
  },
];
