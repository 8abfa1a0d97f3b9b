import * as tf from '@tensorflow/tfjs';
import { registry } from '@odegrad/core';
import { odeint, type OdeOptions } from '@odegrad/engine-tfjs';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { onnx } from './onnx.ts';

// What is refused, or fails, while a gradient is being taken leaves no tensor alive, though TensorFlow.js does not clean up.

let w: tf.Variable;
let x: tf.Tensor;
let optimizer: tf.Optimizer;
beforeAll(async () => {
  registry.use(tableaux).use(adjoint).use(backprop).use(checkpoint).use(symplectic).use(onnx());
  expect(await tf.setBackend('cpu')).toBe(true);
  w = tf.variable(tf.scalar(0.7));
  x = tf.tensor1d([0.3, 0.5]);
  optimizer = tf.train.sgd(0.1);
});
afterAll(() => {
  tf.dispose([w, x]);
});

const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(tf.tanh(y), w);
type Loss = (y: tf.Tensor) => tf.Tensor;
const square = (y: tf.Tensor): tf.Tensor => tf.sum(tf.square(y));
const lossOf =
  (options: OdeOptions, field = f): Loss =>
  (y) =>
    square(odeint(field, y, [0, 0.3], { solver: 'rk4', numSteps: 2, ...options }));

/** Ways to ask for a derivative of a derivative. */
const routes: Record<string, (loss: Loss) => tf.TensorContainer> = {
  'grad of grad': (loss) => tf.grad(tf.grad(loss))(x),
  'grad of a function of grad': (loss) => tf.grad((z: tf.Tensor) => square(tf.grad(loss)(z)))(x),
  'inside a tidy': (loss) => tf.tidy(() => tf.grad(tf.grad(loss))(x)),
  'valueAndGrad of valueAndGrad': (loss) =>
    tf.valueAndGrad((z: tf.Tensor) => square(tf.valueAndGrad(loss)(z).grad))(x),
  'valueAndGrads with another loss beside it': (loss) =>
    tf.valueAndGrads((z: tf.Tensor) => tf.add(square(tf.exp(z)), square(tf.grad(loss)(z))))([x]),
  'a gradient penalty of variables': (loss) => tf.variableGrads(() => square(tf.grad(loss)(x)) as tf.Scalar),
  'variableGrads of variableGrads': (loss) =>
    tf.variableGrads(() => square(tf.variableGrads(() => loss(x) as tf.Scalar).grads[w.name]!) as tf.Scalar),
  'an optimizer': (loss) => optimizer.minimize(() => square(tf.grad(loss)(x)) as tf.Scalar)!,
};

/** Tensors that stay alive when `body` throws, which it must: the message, and the difference. */
async function failing(body: () => unknown): Promise<{ message: string; alive: number }> {
  const before = tf.memory().numTensors;
  let message = 'nothing was thrown';
  try {
    body();
  } catch (error) {
    message = String(error);
  }
  const alive = tf.memory().numTensors - before;
  await Promise.resolve();
  // Nothing is freed twice either.
  expect(tf.memory().numTensors - before).toBe(alive);
  return { message, alive };
}

describe.each(['tfjs', 'replay', 'onnx'])('on %s', (engine) => {
  describe.each(['symplectic', 'backprop', 'checkpoint', 'recompute', 'stages', 'adjoint'])(
    'with %s',
    (gradient) => {
      it.each(Object.keys(routes))('a second derivative is refused and leaves nothing: %s', async (route) => {
        const loss = lossOf({ engine, gradient });
        // The first solve of an f may compile it.
        tf.dispose(tf.grad(loss)(x));
        const { message, alive } = await failing(() => routes[route]!(loss));
        expect(message).toMatch('EngineError: The gradient of odeint cannot be differentiated again');
        expect(alive).toBe(0);
      });

      it('so does a third, once the code that asked is through', async () => {
        const loss = lossOf({ engine, gradient });
        tf.dispose(tf.grad(loss)(x));
        const before = tf.memory().numTensors;
        expect(() => tf.grad(tf.grad(tf.grad(loss)))(x)).toThrow('cannot be differentiated again');
        await Promise.resolve();
        expect(tf.memory().numTensors).toBe(before);
      });

      it('after a refusal the first derivative is what it was', () => {
        const loss = lossOf({ engine, gradient });
        const [first, second] = [0, 1].map(() => {
          expect(() => tf.grad(tf.grad(loss))(x)).toThrow('cannot be differentiated again');
          return tf.tidy(() => [...tf.grad(loss)(x).dataSync()]);
        });
        expect(second).toEqual(first);
        expect(first!.every((d) => Number.isFinite(d) && d !== 0)).toBe(true);
      });

      it('a function that throws, from any call on, leaves nothing under a tape', async () => {
        // Calls of f: engines that record it make few.
        let calls = 0;
        let last = Infinity;
        const breaking = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
          calls += 1;
          const slope = f(t, y);
          if (calls > last) throw new Error(`call ${calls}`);
          return slope;
        };
        // An arrow of its own for each, so that nothing recorded before serves.
        const loss = (): Loss => lossOf({ engine, gradient }, (t, y) => breaking(t, y));
        tf.dispose(tf.variableGrads(() => loss()(x) as tf.Scalar));
        const all = calls;
        for (last = 0; last < all; last++) {
          for (const take of [
            () => tf.grad(loss())(x),
            () => tf.valueAndGrads(loss())([x]),
            () => tf.variableGrads(() => loss()(x) as tf.Scalar),
          ]) {
            calls = 0;
            const { message, alive } = await failing(() => {
              tf.dispose(take());
            });
            // Where the gradient for x alone takes fewer calls, it goes through.
            expect(message).toMatch(/^(Error: call|nothing was thrown)/);
            expect([last, alive]).toEqual([last, 0]);
          }
        }
      });
    },
  );
});
