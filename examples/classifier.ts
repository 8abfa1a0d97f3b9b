// An image classifier whose middle is an ODE: a layer of tf.layers, trained by model.fit as any other.
import * as tf from '@tensorflow/tfjs';
import { odeint } from 'odegrad';

/** y(1) of y′ = tanh(y W + t u + b), y(0) the input, `[batch, units]`. */
class OdeBlock extends tf.layers.Layer {
  static className = 'OdeBlock';
  #weights: Record<'kernel' | 'time' | 'bias', tf.LayerVariable> | undefined;

  override build(shape: tf.Shape): void {
    const units = shape.at(-1)!;
    const weight = (name: string, extents: number[]): tf.LayerVariable =>
      this.addWeight(
        name,
        extents,
        'float32',
        name === 'kernel' ? tf.initializers.glorotNormal({}) : tf.initializers.zeros(),
      );
    this.#weights = {
      kernel: weight('kernel', [units, units]),
      time: weight('time', [units]),
      bias: weight('bias', [units]),
    };
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const y0 = Array.isArray(inputs) ? inputs[0]! : inputs;
    const { kernel, time, bias } = this.#weights!;
    const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
      tf.tanh(tf.add(tf.matMul(y, kernel.read()), tf.add(tf.mul(t, time.read()), bias.read())));
    return tf.squeeze(tf.slice(odeint(f, y0, [0, 1], { solver: 'rk4', numSteps: 4 }), [1]), [0]);
  }

  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
}
tf.serialization.registerClass(OdeBlock);

/** Noisy pictures of 8 × 8 dots: a bar that lies, one that stands, one that leans. */
const SIDE = 8;
const count = 240;
const labels = Array.from({ length: count }, (_, i) => i % 3);
const pictures = labels.map((label) => {
  const at = 2 + Math.floor(Math.random() * 4);
  const isBar = (row: number, column: number): boolean =>
    label === 0 ? row === at : label === 1 ? column === at : row === column;
  return Array.from({ length: SIDE }, (_, row) =>
    Array.from({ length: SIDE }, (_, column) => [(isBar(row, column) ? 1 : 0) + 0.4 * (Math.random() - 0.5)]),
  );
});

const model = tf.sequential({
  layers: [
    tf.layers.flatten({ inputShape: [SIDE, SIDE, 1] }),
    tf.layers.dense({ units: 16, activation: 'tanh' }),
    new OdeBlock({}),
    tf.layers.dense({ units: 3, activation: 'softmax' }),
  ],
});
model.compile({
  optimizer: tf.train.adam(0.02),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
});
const [x, y] = [tf.tensor4d(pictures), tf.tensor1d(labels)];
const { history } = await model.fit(x, y, { epochs: 15, batchSize: 40 });
const accuracy = history['acc']!.map(Number);
console.log(`right: ${accuracy[0]!.toFixed(2)} → ${accuracy.at(-1)!.toFixed(2)}`);
if (!(accuracy.at(-1)! > 0.9)) throw new Error('It has not learned.');
