// A pendulum that swings in the terminal as fast as it would on a wall: each step is a frame. Ctrl-C stops it, or two seconds.
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { steps } from 'odegrad';

const FRAME = 1 / 30; // seconds
const ARM = 24; // columns

/** Angle in radians and its rate: a rod of one metre with a little friction. */
const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
  const [angle, rate] = tf.split(y, 2) as [tf.Tensor, tf.Tensor];
  return tf.concat([rate, tf.sub(tf.mul(-9.81, tf.sin(angle)), tf.mul(0.2, rate))]);
};

const stop = new AbortController();
process.once('SIGINT', () => {
  stop.abort();
});
const timer = setTimeout(() => {
  stop.abort();
}, 2000);

const y0 = tf.tensor1d([1.2, 0]);
let frames = 0;
let next = performance.now();
for (const { t, y } of steps(f, y0, 0, { solver: 'rk4', stepSize: FRAME })) {
  const [angle] = y.dataSync();
  const column = Math.round(ARM * (1 + Math.sin(angle!)));
  process.stdout.write(`\r${' '.repeat(column)}●${' '.repeat(2 * ARM - column)} ${t.toFixed(1)} s `);
  frames += 1;
  next += 1000 * FRAME;
  // The stream waits as long as its user does.
  await wait(next - performance.now());
  if (stop.signal.aborted) break;
}
clearTimeout(timer);
y0.dispose();
console.log(`\n${frames} frames`);
