import { createRegistry } from '@odegrad/core';
import tfjs, { odeint } from '@odegrad/engine-tfjs';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { tangents } from './index.ts';
const registry = createRegistry().use(tableaux).use(symplectic).use(tfjs);
beforeAll(async () => {
  await tf.setBackend('cpu');
});
it('x', () => {
  const x = tf.tensor1d([0.5, 1]);
  const n = tf.memory().numTensors;
  const loss = (y0: tf.Tensor): tf.Tensor =>
    tf.sum(
      tf.square(
        odeint((_t, y: tf.Tensor) => tf.neg(tf.square(y)), y0, [0, 1], {
          registry,
          solver: 'rk4',
          numSteps: 20,
          saveAt: 'end',
          tangents,
        }),
      ),
    );
  // y1 = y/(1+y): L = y²/(1+y)²; L' = 2y/(1+y)³; L'' = (2-4y)/(1+y)^4;
  const g1 = tf.grad(loss);
  const g2 = tf.grad((z: tf.Tensor) => tf.sum(g1(z)));
  const g3 = tf.grad((z: tf.Tensor) => tf.sum(g2(z)));
  const r = [g1(x), g2(x), g3(x)];
  r.forEach((z) => z.print());
  console.log(
    [0.5, 1].map((y) => [
      (2 * y) / (1 + y) ** 3,
      (2 - 4 * y) / (1 + y) ** 4,
      -4 / (1 + y) ** 4 - (4 * (2 - 4 * y)) / (1 + y) ** 5,
    ]),
  );
  tf.dispose(r);
  expect(tf.memory().numTensors).toBe(n);
});
