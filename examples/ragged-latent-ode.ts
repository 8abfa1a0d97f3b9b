// A latent ODE on series each of which was seen at times of its own: no grid, no padding to a union of times.
import * as tf from '@tensorflow/tfjs';
import { odeint } from 'odegrad';

const [B, T, latent, hidden] = [32, 10, 3, 24];

/** Numbers in [0, 1) that are the same in every run. */
let seed = 7;
const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;

// Oscillations of one frequency with their own phase and size, each seen T times at random.
const rows = Array.from({ length: B }, () => {
  const [phase, size] = [2 * Math.PI * random(), 0.5 + random()];
  const ts = Array.from({ length: T }, () => 3 * random()).sort((a, b) => a - b);
  return { ts, xs: ts.map((t) => size * Math.sin(2 * t + phase)) };
});
const ts = rows.map((row) => row.ts);
const seen = tf.transpose(tf.tensor2d(rows.map((row) => row.xs))); // [T, B]

const weights = (inputs: number, outputs: number, name: string) =>
  tf.variable(
    tf.randomNormal<tf.Rank.R2>([inputs, outputs], 0, inputs ** -0.5, 'float32', seed++),
    true,
    name,
  );
// The encoder sees the times and the values of a series; the decoder is a field, and a reading of its state.
const [e1, e2] = [weights(2 * T, hidden, 'e1'), weights(hidden, 2 * latent, 'e2')];
const [f1, f2] = [weights(latent, hidden, 'f1'), weights(hidden, latent, 'f2')];
const out = weights(latent, 1, 'out');

const f = (_t: tf.Scalar, z: tf.Tensor2D) => tf.matMul(tf.tanh(tf.matMul(z, f1)), f2);
const series = tf.concat([tf.tensor2d(ts), tf.transpose(seen)], 1);

/** Minus the evidence lower bound, for each observation. */
function loss(): tf.Scalar {
  const code = tf.matMul<tf.Tensor2D>(tf.tanh(tf.matMul(series, e1)), e2);
  const [mean, logVariance] = [0, latent].map((from) => tf.slice2d(code, [0, from], [B, latent])) as [
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const noise = tf.randomNormal<tf.Rank.R2>([B, latent], 0, 1, 'float32', seed++);
  const z0 = tf.add<tf.Tensor2D>(
    mean,
    tf.mul<tf.Tensor2D>(noise, tf.exp(tf.div<tf.Tensor2D>(logVariance, 2))),
  );

  const zs = odeint(f, z0, ts, { rtol: 1e-3, atol: 1e-4 }); // [T, B, latent], each row at its own times
  const xs = tf.reshape(tf.matMul(tf.reshape(zs, [T * B, latent]), out), [T, B]);

  const deviation = 0.2;
  const misfit = tf.div(tf.sum(tf.squaredDifference(xs, seen)), 2 * deviation ** 2);
  const divergence = tf.sum(tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(1, logVariance)));
  return tf.div<tf.Scalar>(tf.add(misfit, tf.div(divergence, 2)), T * B);
}

const optimizer = tf.train.adam(0.02);
const losses: number[] = [];
for (let i = 0; i < 100; i++) {
  const value = optimizer.minimize(loss, true)!;
  losses.push(value.dataSync()[0]!);
  value.dispose();
}
const [first, last] = [losses[0]!, losses.at(-1)!];
console.log(`minus the lower bound, for each observation: ${first.toFixed(2)} → ${last.toFixed(2)}`);
if (!(last < first / 2)) throw new Error('It has not learned.');
