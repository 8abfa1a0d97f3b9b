import * as tf from '@tensorflow/tfjs';
import { odeint } from '@odegrad/engine-tfjs';
import { dopri5 } from '@odegrad/tableaux';
import { apply, dense } from '../dense.ts';
import { createRandom } from '../random.ts';
import type { Model, Problem } from './problem.ts';

const MATRIX = [
  [-0.1, 2],
  [-2, -0.1],
];
const START = [2, 0];
const END = 25;
const POINTS = 1000;
const BATCH = 20;
/** Neighbouring points in one piece of the trajectory. */
const PIECE = 10;

/**
 * y′ = A y³ from pieces of one trajectory: the demonstration of torchdiffeq (R. Chen et al., Neural Ordinary
 * Differential Equations, NeurIPS 2018).
 */
export const spiral: Problem = {
  name: 'spiral',
  title: 'A spiral, y′ = A y³',
  description:
    'A trajectory of y′ = A y³ with A = [−0.1 2; −2 −0.1] from (2, 0), 1000 points up to t = 25. The network ' +
    '(2 → 50 → 2, tanh) sees y³ and learns from batches of 20 pieces of 10 points each.',
  defaults: { iterations: 600, learningRate: 0.03 },
  open,
};

function open(seed: number): Model {
  const times = Array.from({ length: POINTS }, (_, i) => (i * END) / (POINTS - 1));
  const truth = tf.tidy(() => {
    const matrix = tf.transpose(tf.tensor2d(MATRIX));
    const field = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.matMul(cube(y), matrix);
    const path = odeint(field, tf.tensor2d([START]), times, { solver: dopri5, rtol: 1e-6, atol: 1e-6 });
    return tf.keep(tf.squeeze<tf.Tensor2D>(path, [1]));
  });
  const rows = truth.arraySync();

  const random = createRandom(seed);
  const inner = dense(random, 2, 50);
  const outer = dense(random, 50, 2);
  const parameters = [inner.weight, inner.bias, outer.weight, outer.bias];
  const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => apply(outer, tf.tanh(apply(inner, cube(y))));
  const pieceTimes = times.slice(0, PIECE);

  return {
    presentation: {
      time: 't',
      quantities: ['y₁', 'y₂'],
      scale: 'linear',
      timeOf: (t) => t,
      valueOf: (x) => x,
    },
    parameters,
    variables: parameters,
    f,
    initial: () => tf.tensor2d([START]),
    observed: { times, values: [0, 1].map((i) => rows.map((row) => row[i]!)) },
    loss: (options) => {
      const starts = Array.from({ length: BATCH }, () => random.below(POINTS - PIECE));
      return tf.tidy(() => {
        const pieces = pieceTimes.map((_, i) =>
          tf.gather(
            truth,
            tf.tensor1d(
              starts.map((s) => s + i),
              'int32',
            ),
          ),
        );
        const path = odeint(f, pieces[0]!, pieceTimes, options);
        return tf.mean(tf.abs(tf.sub(path, tf.stack(pieces))));
      });
    },
    dispose: () => {
      tf.dispose([...parameters, truth]);
    },
  };
}

function cube(y: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(y, y), y);
}
