// A Hamiltonian network: H(q, p) is learned, and the field is its gradient, so that energy is conserved along what is predicted.
// S. Greydanus, M. Dzamba, J. Yosinski, Hamiltonian Neural Networks, NeurIPS 2019.
import * as tf from '@tensorflow/tfjs';
import { odeint } from 'odegrad';

const inner = tf.variable(tf.randomNormal<tf.Rank.R2>([2, 32], 0, 1, 'float32', 1));
const bias = tf.variable(tf.randomNormal<tf.Rank.R1>([32], 0, 1, 'float32', 2));
const outer = tf.variable(tf.randomNormal<tf.Rank.R2>([32, 1], 0, 0.3, 'float32', 3));
const energy = (y: tf.Tensor): tf.Tensor => tf.matMul(tf.tanh(tf.add(tf.matMul(y, inner), bias)), outer);
const turn = tf.tensor2d([0, -1, 1, 0], [2, 2]);
/** (q, p)′ = (∂H/∂p, −∂H/∂q). */
const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.matMul(tf.grad((x) => tf.sum(energy(x)))(y), turn);

// A pendulum, from several starts.
const ts = [0, 0.25, 0.5, 0.75, 1];
const starts = tf.randomUniform<tf.Rank.R2>([32, 2], -1.5, 1.5, 'float32', 4);
const pendulum = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
  const [q, p] = tf.split(y, 2, 1) as [tf.Tensor, tf.Tensor];
  return tf.concat([p, tf.neg(tf.sin(q))], 1);
};
const seen = odeint(pendulum, starts, ts, { rtol: 1e-5 });

const optimizer = tf.train.adam(0.02);
const losses: number[] = [];
for (let i = 0; i < 150; i++) {
  const loss = optimizer.minimize(() => {
    const ys = odeint(f, starts, ts, { solver: 'rk4', numSteps: 1 });
    return tf.losses.meanSquaredError<tf.Tensor, tf.Scalar>(seen, ys);
  }, true)!;
  losses.push(loss.dataSync()[0]!);
  loss.dispose();
}
const path = odeint(f, tf.tensor2d([[1, 0]]), [0, 5, 10, 20], { rtol: 1e-5 }).squeeze<tf.Tensor2D>([1]);
const energies = [...energy(path).dataSync()];
const drift = Math.max(...energies.map((h) => Math.abs(h - energies[0]!)));
console.log(
  `loss ${losses[0]!.toFixed(4)} → ${losses.at(-1)!.toFixed(5)}; energy over 20 units of time drifts by ${drift.toExponential(1)}`,
);
if (!(losses.at(-1)! < losses[0]! / 10 && drift < 1e-2)) throw new Error('It has not learned.');
