import type * as tf from '@tensorflow/tfjs';
import type { OdeOptions } from '@odegrad/engine-tfjs';
import type { SeriesData } from './series.ts';

/** A problem that `odegrad train` knows. */
export interface Problem {
  readonly name: string;
  /** One line for the help and the report. */
  readonly title: string;
  /** Where the data come from, and what the model is. */
  readonly description: string;
  /** Settings that fit it. */
  readonly defaults: { readonly iterations: number; readonly learningRate: number };
  /** Draws the network's first weights. */
  readonly open: (seed: number) => Model;
}

/** What plots say, in the units of the data rather than those of the model. */
export interface Presentation {
  /** The axis of time: 'year'. */
  readonly time: string;
  readonly quantities: readonly string[];
  /** What the quantities are counted in, where they have a unit. */
  readonly unit?: string;
  readonly scale: 'linear' | 'log';
  readonly timeOf: (t: number) => number;
  readonly valueOf: (value: number, quantity: number) => number;
}

/** A neural ODE to be trained. The variables live until `dispose`. */
export interface Model {
  readonly presentation: Presentation;
  /** The vector field; the observed quantities are the first columns of y. */
  readonly f: (t: tf.Scalar, y: tf.Tensor) => tf.Tensor;
  /** Weights of `f`. */
  readonly parameters: readonly tf.Variable[];
  /** All that is learned: the parameters, and the initial state where it is not known. */
  readonly variables: readonly tf.Variable[];
  /** The state that the whole trajectory starts from, `[1, d]`. */
  readonly initial: () => tf.Tensor;
  /** The observations, in the model's units. */
  readonly observed: SeriesData;
  /** Loss of one iteration; a stochastic one draws a batch each time. */
  readonly loss: (options: OdeOptions) => tf.Scalar;
  readonly dispose: () => void;
}
