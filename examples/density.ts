// A continuous normalizing flow: a density is learned from points, evaluated, and drawn from.
import * as tf from '@tensorflow/tfjs';
import { cnf, logDensity, sample } from '@odegrad/models';
import { registry } from 'odegrad';

const ode = { registry, engine: 'wasm', solver: 'rk4', numSteps: 4 };
const flow = cnf({ dimension: 2, hidden: [16], seed: 1 });
const x = tf.randomNormal<tf.Rank.R2>([64, 2], 2, 0.5, 'float32', 3);
const optimizer = tf.train.adam(0.05);
const losses: number[] = [];
for (let i = 0; i < 60; i++) {
  const loss = optimizer.minimize(() => tf.neg(tf.mean(logDensity(flow, x, { ode }))), true)!;
  losses.push(loss.dataSync()[0]!);
  loss.dispose();
}
// The entropy of the Gaussian is what no density can go below, but for chance: log(2πe · 0.5²).
console.log(
  `nats ${losses[0]!.toFixed(2)} → ${losses.at(-1)!.toFixed(2)}; entropy ${Math.log(2 * Math.PI * Math.E * 0.25).toFixed(2)}`,
);
sample(flow, 3, { ode }).print();
if (!(losses.at(-1)! < 2)) throw new Error('It has not learned.');
