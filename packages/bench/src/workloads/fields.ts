import * as tf from '@tensorflow/tfjs';
import type { FlatField } from '@odegrad/engine-tfjs';
import {
  centralDifference,
  energyDensity,
  hamiltonianField,
  hutchinsonField,
  type EnergyWeights,
} from '@odegrad/models';
import type { Draws, NamedArray } from './draw.ts';

/** A workload on TensorFlow.js. The tensors are the caller's to dispose. */
export interface WorkloadField {
  readonly f: FlatField;
  readonly y0: readonly tf.Tensor[];
  readonly parameters: readonly tf.Variable[];
  dispose(): void;
}

type Named<T> = Readonly<Record<string, T>>;
type Maker = (p: Named<tf.Variable>, c: Named<tf.Tensor>, dx: number) => FlatField;

/** x W + b with W as TensorFlow.js has it, [in, out]. */
const linear = (x: tf.Tensor, w: tf.Tensor, b?: tf.Tensor): tf.Tensor => {
  const product = tf.matMul(x, w);
  return b ? tf.add(product, b) : product;
};

const spiral: Maker =
  (p) =>
  (_t, [y]) => {
    const hidden = tf.tanh(linear(tf.mul(tf.mul(y!, y!), y!), p['w1']!, p['b1']));
    return [linear(hidden, p['w2']!, p['b2'])];
  };

const small: Maker =
  (p) =>
  (_t, [y]) => {
    const hidden = tf.softplus(linear(y!, p['w1']!, p['b1']));
    return [tf.tanh(linear(hidden, p['w2']!, p['b2']))];
  };

const medium: Maker =
  (p) =>
  (_t, [y]) => [linear(tf.tanh(linear(y!, p['w1']!, p['b1'])), p['w2']!, p['b2'])];

/** A network with a season, as of series that are seen at uneven times. */
const series: Maker =
  (p) =>
  (t, [y]) => {
    const season = tf.mul(tf.ones([y!.shape[0], 1]), tf.sin(tf.mul(3, t)));
    const hidden = tf.tanh(linear(tf.concat([y!, season], 1), p['w1']!, p['b1']));
    return [tf.sub(linear(hidden, p['w2']!, p['b2']), y!)];
  };

/** A continuous normalizing flow: the trace of ∂g/∂z by Hutchinson's estimator, one VJP of g. */
const cnf: Maker = (p, { e }) => {
  const g = (z: tf.Tensor, t: tf.Scalar): tf.Tensor => {
    const column = tf.mul(tf.ones([z.shape[0], 1]), t);
    const h1 = tf.softplus(linear(tf.concat([z, column], 1), p['w1']!, p['b1']));
    const h2 = tf.softplus(linear(h1, p['w2']!, p['b2']));
    return linear(h2, p['w3']!, p['b3']);
  };
  const slope = hutchinsonField((t, z) => g(z, t), e!);
  return (t, [z, delta]) => [...slope(t, [z!, delta!])];
};

/** The Korteweg–de Vries equation in Hamiltonian form, D ∂H/∂u; convolutions as matrix products. */
const kdv: Maker = (p, _c, dx) => {
  const weights = p as unknown as EnergyWeights;
  const slope = hamiltonianField((u) => energyDensity(u, weights), centralDifference(dx));
  return (t, [u]) => [slope(t, u!)];
};

const makers: Readonly<Record<string, Maker>> = { spiral, small, medium, cnf, kdv, series };

/** The vector field of the workload called `name`, with its drawn numbers, on the current backend. */
export function workloadField(name: string, draws: Draws, dx = 1): WorkloadField {
  // Drawn as [out, in] or [out, in, 1]; one transposition here spares each evaluation one.
  const weight = (a: NamedArray): tf.Tensor => {
    if (a.shape.length === 1) return tf.tensor(a.values, [...a.shape]);
    const [outputs, ...inputs] = a.shape as [number, ...number[]];
    const matrix = tf.tensor2d(a.values, [outputs, inputs.reduce((n, d) => n * d)]);
    return tf.tidy(() => tf.transpose(matrix));
  };
  const plain = (a: NamedArray): tf.Tensor => tf.tensor(a.values, [...a.shape]);
  const named = <T>(list: readonly NamedArray[], make: (a: NamedArray) => T): Record<string, T> =>
    Object.fromEntries(list.map((a) => [a.name, make(a)]));

  const parameters = named(draws.params, (a) => tf.tidy(() => tf.variable(weight(a))));
  const y0 = draws.y0.map(plain);
  const constants = named(draws.consts, plain);
  return {
    f: makers[name]!(parameters, constants, dx),
    y0,
    parameters: Object.values(parameters),
    dispose: () => {
      tf.dispose([parameters, y0, constants]);
    },
  };
}
