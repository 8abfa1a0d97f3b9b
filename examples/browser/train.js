import { registry } from '@odegrad/core';
import replay from '@odegrad/engine-replay';
import { chooseBackend, odeint } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

registry.use(tableaux).use(symplectic).use(replay).use(wasm());
// Where the server has the three .wasm files of @tensorflow/tfjs-backend-wasm.
setWasmPaths('/wasm/');

/** Trains a small neural ODE with each engine, on the fastest backend that runs here and on cpu. */
export async function trainAll() {
  const { backend: fastest } = await chooseBackend();
  const results = [];
  for (const backend of [fastest, 'cpu']) {
    await tf.setBackend(backend);
    for (const engine of ['tfjs', 'replay', 'wasm']) results.push({ backend, engine, losses: train(engine) });
  }
  return results;
}

/** The losses of fifteen steps of training. */
function train(engine) {
  const layer = (units, seed, options) =>
    tf.layers.dense({ units, kernelInitializer: tf.initializers.glorotNormal({ seed }), ...options });
  const net = tf.sequential({
    layers: [layer(16, 1, { activation: 'tanh', inputShape: [2] }), layer(2, 2)],
  });
  const f = (_t, y) => net.apply(y);
  const y0 = tf.tensor2d([[2, 0]]);
  const target = tf.tensor2d([[0, 1]]);
  const options = { solver: 'rk4', numSteps: 8, gradient: 'symplectic', engine };
  const loss = () => {
    const ys = odeint(f, y0, [0, 1], options);
    return tf.losses.meanSquaredError(target, ys.slice([1]).squeeze([0]));
  };
  const optimizer = tf.train.adam(0.05);
  const losses = Array.from({ length: 15 }, () => optimizer.minimize(loss, true).dataSync()[0]);
  tf.dispose([y0, target]);
  net.dispose();
  return losses;
}
