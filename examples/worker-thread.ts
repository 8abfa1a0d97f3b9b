// Training in a thread of its own, so that the main one stays free: this file is both.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { odeint } from 'odegrad';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  await new Promise<void>((resolve, reject) => {
    worker.on('message', ({ rate }: { rate: number }) => console.log(`rate ${rate.toFixed(3)}`));
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
  clearInterval(timer);
  console.log('The main thread had time meanwhile:', ticks > 0);
} else {
  const rate = tf.variable(tf.scalar(0));
  const seen = tf.tensor1d([1, Math.exp(-0.5), Math.exp(-1)]);
  const optimizer = tf.train.adam(0.1);
  for (let i = 1; i <= 60; i++) {
    optimizer.minimize(() => {
      const ys = odeint((_t, y) => tf.mul(y, rate), tf.scalar(1), [0, 0.5, 1]);
      return tf.losses.meanSquaredError<tf.Tensor, tf.Scalar>(seen, ys);
    });
    if (i % 20 === 0) parentPort!.postMessage({ rate: rate.dataSync()[0] }); // towards −1
  }
}
