// A latent ODE: series that were seen at uneven times are encoded, solved for, and decoded.
import * as tf from '@tensorflow/tfjs';
import { latentOde } from '@odegrad/models';
import { registry } from 'odegrad';

const ode = { registry, engine: 'wasm', solver: 'rk4', numSteps: 1 };
const ts = [0, 0.2, 0.5, 0.9, 1.1, 1.6, 2, 2.3];
const phases = Array.from({ length: 16 }, (_, i) => (i * Math.PI) / 8);
// [rows, times, dimension]
const xs = tf.tensor3d(
  phases.map((phase) => ts.map((t) => [Math.sin(2 * t + phase), Math.cos(2 * t + phase)])),
);
const model = latentOde({ dimension: 2, latent: 3, hidden: 16, seed: 2 });
const optimizer = tf.train.adam(0.02);
const bounds: number[] = [];
for (let i = 0; i < 80; i++) {
  const loss = optimizer.minimize(() => {
    const noise = tf.randomNormal<tf.Rank.R2>([phases.length, 3]);
    return tf.neg(model.elbo(ts, xs, noise, ode));
  }, true)!;
  bounds.push(-loss.dataSync()[0]!);
  loss.dispose();
}
console.log(`evidence lower bound ${bounds[0]!.toFixed(1)} → ${bounds.at(-1)!.toFixed(1)}`);
if (!(bounds.at(-1)! > bounds[0]!)) throw new Error('It has not learned.');
