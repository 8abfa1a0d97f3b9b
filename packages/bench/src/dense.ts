import * as tf from '@tensorflow/tfjs';
import type { Random } from './random.ts';

/** x W + b, W of shape [inputs, outputs]. */
export interface Dense {
  readonly weight: tf.Variable;
  readonly bias: tf.Variable;
}

/** A layer with entries drawn uniformly from ±scale/√inputs. */
export function dense(random: Random, inputs: number, outputs: number, scale = 1): Dense {
  const bound = scale / Math.sqrt(inputs);
  const variable = (shape: number[]): tf.Variable =>
    tf.tidy(() => {
      const length = shape.reduce((product, n) => product * n, 1);
      return tf.variable(
        tf.tensor(
          Float32Array.from({ length }, () => random.symmetric(bound)),
          shape,
        ),
      );
    });
  return { weight: variable([inputs, outputs]), bias: variable([outputs]) };
}

/** Applies a layer to the rows of x. */
export function apply({ weight, bias }: Dense, x: tf.Tensor): tf.Tensor {
  return tf.add(tf.matMul(x as tf.Tensor2D, weight as unknown as tf.Tensor2D), bias);
}
