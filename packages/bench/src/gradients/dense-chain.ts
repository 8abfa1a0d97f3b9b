import * as tf from '@tensorflow/tfjs';
import type { FieldEngine, FlatField, PreparedField } from '@odegrad/engine-tfjs';
import { apply, dense, type Dense } from '../dense.ts';
import { createRandom } from '../random.ts';
import { sumOfSquares } from './compare.ts';
import type { Chain } from './chain.ts';

/** Sizes of the chain that `odegrad gradients` differentiates. */
export interface DenseChainOptions {
  readonly layers: number;
  readonly width: number;
  readonly batch: number;
  readonly components: number;
  readonly seed: number;
  readonly dtype: 'float32' | 'float64';
}

/** A chain on an engine; `dispose` frees its tensors and arrays. */
export interface OpenChain<A> {
  readonly chain: Chain<A>;
  read(x: A): Float32Array;
  dispose(): void;
}

/**
 * `components` solves over [0, 1], each of y′ = (tanh ∘ dense)^layers (y) with weights of its own, and the sum of
 * squares of what comes out of the last.
 */
export function denseChain<A>(engine: FieldEngine<A>, options: DenseChainOptions): OpenChain<A> {
  const { layers, width, batch, components, seed, dtype } = options;
  const random = createRandom(seed);
  const networks = Array.from({ length: components }, () =>
    Array.from({ length: layers }, () => dense(random, width, width, 1.5)),
  );
  const start = tf.tensor2d(
    Float32Array.from({ length: batch * width }, () => random.symmetric(1)),
    [batch, width],
  );
  const prepared = networks.map((network): PreparedField<A> => {
    const f = fieldOf(network);
    const parameters = network.flatMap(({ weight, bias }) => [weight, bias]);
    return engine.prepare({ f, key: f, t0: 0, y0: [start], parameters, dtype });
  });
  const [first] = prepared as [PreparedField<A>, ...PreparedField<A>[]];
  const y0 = first.fromTensor(start);
  return {
    chain: {
      fields: prepared.map(({ field }) => field),
      y0: [y0],
      ts: [0, 1],
      loss: (ys) => sumOfSquares(first.field.engine, ys),
    },
    read(x) {
      const tensor = first.toTensor(x);
      try {
        return tensor.dataSync<'float32'>().slice();
      } finally {
        tensor.dispose();
      }
    },
    dispose() {
      first.field.engine.release(y0);
      tf.dispose([
        start,
        ...networks.flatMap((network) => network.map(({ weight, bias }) => [weight, bias])),
      ]);
    },
  };
}

function fieldOf(network: readonly Dense[]): FlatField {
  return (_t, [y]) => [network.reduce((x, layer) => tf.tanh(apply(layer, x)), y!)];
}
