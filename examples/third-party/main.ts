import { registry, TableauError } from '@odegrad/core';
import { odeint } from '@odegrad/engine-tfjs';
import symplectic from '@odegrad/grad-symplectic';
import * as tf from '@tensorflow/tfjs';
import plugin, { threeQuarters } from './plugin.ts';

registry.use(symplectic).use(plugin);

const w = tf.variable(tf.tensor2d([-0.1, -2, 2, -0.1], [2, 2]));
const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.tanh(tf.matMul(tf.pow(y, 3), w));
const y0 = tf.tensor2d([[2, 0]]);

const gradientBy = (gradient: string): Float32Array =>
  tf.tidy(() => {
    const loss = (): tf.Scalar =>
      tf.sum(tf.square(odeint(f, y0, [0, 0.5, 1], { solver: 'three_quarters', numSteps: 6, gradient })));
    return tf.variableGrads(loss, [w]).grads[w.name]!.dataSync() as Float32Array;
  });

const [ours, reference] = [gradientBy('every-fourth'), gradientBy('symplectic')];
const largest = Math.max(...reference.map(Math.abs));
const error = Math.max(...ours.map((g, i) => Math.abs(g - reference[i]!))) / largest;
console.log(`every-fourth against symplectic: relative difference ${error}`);
if (!(largest > 0 && error <= 2e-6)) throw new Error('The third-party gradient is wrong.');

try {
  registry.use({ name: 'wrong', tableaux: [{ ...threeQuarters, name: 'wrong', order: 3 }] });
  throw new Error('A wrong tableau was accepted.');
} catch (refusal) {
  if (!(refusal instanceof TableauError)) throw refusal;
  console.log(refusal.message);
}
