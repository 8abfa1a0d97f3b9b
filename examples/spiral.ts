// The demonstration of the neural ODE paper: a network learns y′ = A y³ from pieces of one trajectory.
// R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural Ordinary Differential Equations, NeurIPS 2018.
import * as tf from '@tensorflow/tfjs';
import { odeint } from 'odegrad';

const times = Array.from({ length: 200 }, (_, i) => i / 20);
const matrix = tf.tensor2d([-0.1, 2, -2, -0.1], [2, 2]);
const start = tf.tensor2d([[2, 0]]);
const truth = odeint((_t, y) => tf.matMul(tf.pow(y, 3), matrix), start, times).squeeze<tf.Tensor2D>([1]);

const dense = (units: number, more = {}): tf.layers.Layer =>
  tf.layers.dense({ units, kernelInitializer: tf.initializers.glorotNormal({ seed: units }), ...more });
const net = tf.sequential({ layers: [dense(32, { activation: 'tanh', inputShape: [2] }), dense(2)] });
const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => net.apply(tf.pow(y, 3)) as tf.Tensor;

const [length, batch] = [10, 20];
const optimizer = tf.train.adam(0.02);
const losses: number[] = [];
for (let i = 0; i < 200; i++) {
  const starts = Array.from({ length: batch }, () => Math.floor(Math.random() * (times.length - length)));
  const loss = optimizer.minimize(() => {
    const pieces = Array.from({ length }, (_, j) =>
      tf.gather(
        truth,
        starts.map((s) => s + j),
      ),
    );
    const path = odeint(f, pieces[0]!, times.slice(0, length), { gradient: 'symplectic' });
    return tf.mean<tf.Scalar>(tf.abs(tf.sub(path, tf.stack(pieces))));
  }, true)!;
  losses.push(loss.dataSync()[0]!);
  loss.dispose();
}
console.log(`mean distance ${losses[0]!.toFixed(4)} → ${losses.at(-1)!.toFixed(4)}`);
if (!(losses.at(-1)! < losses[0]! / 3)) throw new Error('It has not learned.');
