import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { vectorField } from '../eager/field.ts';
import { internals } from '../tape/internals.ts';
import { findReads } from './probe.ts';
import { smoothGradients } from '../eager/smooth.ts';
import { isolated } from '../tape/tape.ts';

setWasmPaths(
  new URL('../../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url).pathname,
);

// The same functions in float64, in plain numbers: the truth is their difference quotient, not any tape.
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.log1p(Math.exp(x));
const erf = (x: number): number => {
  let [sum, term] = [0, x];
  for (let n = 0; n < 60; n++) {
    sum += term / (2 * n + 1);
    term *= -(x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};
const selu = (x: number): number => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1));
const logSumExp = (xs: number[]): number => Math.log(xs.reduce((sum, x) => sum + Math.exp(x), 0));

type Fn = (x: tf.Tensor) => tf.Tensor;
type Truth = (xs: number[]) => number[];
const each =
  (f: (x: number) => number): Truth =>
  (xs) =>
    xs.map(f);

/** Functions of core, with the truth. */
const functions: Record<string, [Fn, Truth]> = {
  exp: [tf.exp, each(Math.exp)],
  expm1: [tf.expm1, each(Math.expm1)],
  tanh: [tf.tanh, each(Math.tanh)],
  sigmoid: [tf.sigmoid, each(sigmoid)],
  elu: [tf.elu, each((x) => (x > 0 ? x : Math.expm1(x)))],
  selu: [tf.selu, each(selu)],
  relu: [tf.relu, each((x) => Math.max(x, 0))],
  relu6: [tf.relu6, each((x) => Math.min(Math.max(x, 0), 6))],
  leakyRelu: [(x) => tf.leakyRelu(x, 0.1), each((x) => Math.max(x, 0.1 * x))],
  prelu: [(x) => tf.prelu(x, tf.scalar(0.3)), each((x) => Math.max(x, 0.3 * x))],
  softplus: [tf.softplus, each(softplus)],
  erf: [tf.erf, each(erf)],
  abs: [tf.abs, each(Math.abs)],
  step: [(x) => tf.step(x), each((x) => Number(x > 0))],
  sign: [tf.sign, each(Math.sign)],
  log: [(x) => tf.log(tf.add(x, 3)), each((x) => Math.log(x + 3))],
  sin: [tf.sin, each(Math.sin)],
  sqrt: [(x) => tf.sqrt(tf.add(x, 3)), each((x) => Math.sqrt(x + 3))],
  'x·exp(x)': [(x) => tf.mul(x, tf.exp(x)), each((x) => x * Math.exp(x))],
  'x·elu(x)': [(x) => tf.mul(x, tf.elu(x)), each((x) => x * (x > 0 ? x : Math.expm1(x)))],
  'tanh out of exp': [
    (x) => tf.div(tf.sub(tf.exp(x), tf.exp(tf.neg(x))), tf.add(tf.exp(x), tf.exp(tf.neg(x)))),
    each(Math.tanh),
  ],
  softmax: [(x) => tf.softmax(x), (xs) => xs.map((x) => Math.exp(x - logSumExp(xs)))],
  logSoftmax: [(x) => tf.logSoftmax(x), (xs) => xs.map((x) => x - logSumExp(xs))],
  logSumExp: [(x) => tf.logSumExp(x), (xs) => [logSumExp(xs)]],
  'max²': [(x) => tf.square(tf.max(x)), (xs) => [Math.max(...xs) ** 2]],
  'min³': [(x) => tf.pow(tf.min(x), 3), (xs) => [Math.min(...xs) ** 3]],
  maximum: [(x) => tf.square(tf.maximum(x, 0.1)), each((x) => Math.max(x, 0.1) ** 2)],
  minimum: [(x) => tf.square(tf.minimum(x, 0.1)), each((x) => Math.min(x, 0.1) ** 2)],
  clipByValue: [
    (x) => tf.square(tf.clipByValue(x, -0.5, 0.5)),
    each((x) => Math.min(0.5, Math.max(-0.5, x)) ** 2),
  ],
  'where(greater)': [
    (x) => tf.where(tf.greater(x, 0), tf.square(x), tf.exp(x)),
    each((x) => (x > 0 ? x * x : Math.exp(x))),
  ],
  'where(not less-or-equal and not equal)': [
    (x) =>
      tf.where(tf.logicalAnd(tf.logicalNot(tf.lessEqual(x, 0)), tf.notEqual(x, 9)), tf.pow(x, 3), tf.exp(x)),
    each((x) => (x > 0 ? x ** 3 : Math.exp(x))),
  ],
  pow: [(x) => tf.pow(tf.add(x, 3), 2.5), each((x) => (x + 3) ** 2.5)],
  'exponent of pow': [(x) => tf.pow(1.7, x), each((x) => 1.7 ** x)],
};

/** Activations of tf.layers by name, with the truth. */
const activations: Record<string, Truth> = {
  elu: functions['elu']![1],
  hardSigmoid: each((x) => Math.min(1, Math.max(0, 0.2 * x + 0.5))),
  linear: each((x) => x),
  relu: functions['relu']![1],
  relu6: functions['relu6']![1],
  selu: functions['selu']![1],
  sigmoid: functions['sigmoid']![1],
  softmax: functions['softmax']![1],
  logSoftmax: functions['logSoftmax']![1],
  softplus: functions['softplus']![1],
  softsign: each((x) => x / (1 + Math.abs(x))),
  tanh: functions['tanh']![1],
  swish: each((x) => x * sigmoid(x)),
  mish: each((x) => x * Math.tanh(softplus(x))),
  gelu: each((x) => (x / 2) * (1 + erf(x / Math.SQRT2))),
  gelu_new: each((x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
};

/** A point away from every kink, a direction, and weights of the outputs. */
const X = [0.3, -0.7, 1.1];
const V = [0.8, 0.6, -0.5];
const C = [1, -2, 0.5];

/** Derivatives of order 1, 2, 3 of Σ cᵢ f(x + εv)ᵢ in ε: central differences of eighth order or better. */
function truth(f: Truth, x: number[], v: number[]): number[] {
  const h = 0.02;
  const at = (k: number): number =>
    f(x.map((xi, i) => xi + k * h * v[i]!)).reduce((sum, y, i) => sum + C[i]! * y, 0);
  const odd = (weights: number[]): number =>
    weights.reduce((sum, w, k) => sum + w * (at(k + 1) - at(-k - 1)), 0);
  const even = (weights: number[]): number =>
    weights.reduce((sum, w, k) => sum + w * (at(k + 1) + at(-k - 1) - 2 * at(0)), 0);
  return [
    odd([4 / 5, -1 / 5, 4 / 105, -1 / 280]) / h,
    even([8 / 5, -1 / 5, 8 / 315, -1 / 560]) / h ** 2,
    odd([-61 / 30, 169 / 120, -3 / 10, 7 / 240]) / h ** 3,
  ];
}

const weighted =
  (f: Fn): Fn =>
  (x) => {
    const y = f(x);
    return tf.sum(tf.mul(y, tf.reshape(tf.tensor1d(C.slice(0, y.size)), y.shape)));
  };
const along =
  (g: Fn): Fn =>
  (x) =>
    tf.sum(tf.mul(tf.reshape(tf.tensor1d(V), x.shape), tf.grad((z: tf.Tensor) => g(z))(x)));

function derivatives(f: Fn, shape: number[] = [3]): number[] {
  const g = weighted(f);
  const orders = [along(g), along(along(g)), along(along(along(g)))];
  return orders.map((derivative) =>
    tf.tidy(() => {
      try {
        // isolated: TensorFlow.js leaks when a gradient throws.
        return isolated(() => smoothGradients(() => derivative(tf.tensor(X, shape)))).dataSync()[0]!;
      } catch (error) {
        // How TensorFlow.js says that what it is to differentiate is constant.
        expect(String(error)).toMatch('Cannot compute gradient of y=f(x)');
        return 0;
      }
    }),
  );
}

const near = (expected: number[]): number[] => expected.map((d) => expect.closeTo(d, 4) as number);

beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
});

it('is needed: TensorFlow.js alone throws, or is silently wrong', () => {
  const second = (f: Fn): number =>
    tf.tidy(
      () =>
        tf
          .grad((x: tf.Tensor) => tf.grad((z: tf.Tensor) => f(z))(x))(tf.scalar(0.3))
          .dataSync()[0]!,
    );
  expect(() => second(tf.tanh)).toThrow('Cannot compute gradient');
  expect(second((x) => tf.mul(x, tf.tanh(x)))).toBeCloseTo(1.83027, 4); // truth: 1.67032
  expect(smoothGradients(() => second((x) => tf.mul(x, tf.tanh(x))))).toBeCloseTo(1.67032, 4);
});

describe.each(['cpu', 'wasm'])('on %s', (backend) => {
  beforeAll(async () => {
    expect(await tf.setBackend(backend)).toBe(true);
  });
  let before = 0;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  const alive = (): number => tf.memory().numTensors - before;

  it.each(Object.keys(functions))('derivatives of %s up to the third are right', (name) => {
    const [f, exact] = functions[name]!;
    expect(derivatives(f)).toEqual(near(truth(exact, X, V)));
    expect(alive()).toBe(0);
  });

  it.each(Object.keys(activations))('so they are through a model with %s', (activation) => {
    // tf.layers wants a batch, and softmax a rank of two.
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 3, inputShape: [3], kernelInitializer: 'identity', activation: 'linear' }),
        tf.layers.activation({ activation: activation as 'relu' }),
      ],
    });
    before = tf.memory().numTensors;
    const exact = near(truth(activations[activation]!, X, V));
    expect(derivatives((x) => model.apply(x) as tf.Tensor, [1, 3])).toEqual(exact);
    expect(alive()).toBe(0);
    model.dispose();
  });

  it.each(Object.keys(activations))(
    'and through a dense layer with %s inside a vector field',
    (activation) => {
      const layer = tf.layers.dense({
        units: 3,
        inputShape: [3],
        kernelInitializer: 'identity',
        activation: activation as 'relu',
      });
      const model = tf.sequential({ layers: [layer] });
      const [w] = layer.getWeights();
      const y = tf.tensor2d([X]);
      const v = tf.tensor2d([V]);
      const [kernel] = findReads((_, [z]) => [model.apply(z!) as tf.Tensor], 0, [y]);
      before = tf.memory().numTensors;
      // f is the gradient of the model, as in a Hamiltonian network: its pullback is a second derivative.
      const field = vectorField({
        f: (_, [z]) => [tf.grad(weighted((u) => model.apply(u) as tf.Tensor))(z!)],
        parameters: [kernel!],
      });
      const [slope] = field.evaluate(0, [y]);
      const lin = field.linearize(0, [y]);
      expect([...lin.value[0]!.dataSync()]).toEqual([...slope!.dataSync()]);
      const pulled = lin.pullback([v], false);
      const [first, second] = truth(activations[activation]!, X, V);
      const inner = (a: number[]): number => a.reduce((sum, ai, i) => sum + ai * V[i]!, 0);
      expect([inner([...slope!.dataSync()]), inner([...pulled.y[0]!.dataSync()])]).toEqual(
        near([first!, second!]),
      );
      // ⟨v, ∂f/∂w⟩ along w itself: f at (1 + ε)w, by central differences in float64 through x → (1 + ε)x.
      const e = 1e-4;
      const scaled = (s: number): number =>
        s *
        truth(
          activations[activation]!,
          X.map((x) => s * x),
          V,
        )[0]!;
      const alongW = tf.tidy(() => tf.sum(tf.mul(pulled.parameters[0]!, w!)).dataSync()[0]!);
      expect(alongW).toBeCloseTo((scaled(1 + e) - scaled(1 - e)) / (2 * e), 4);
      lin.release();
      tf.dispose([slope!, ...lin.value, ...pulled.y, ...pulled.parameters]);
      expect(alive()).toBe(0);
      model.dispose();
      tf.dispose([y, v]);
    },
  );
});

describe('what it leaves behind', () => {
  it('is nothing: neither in the registry of gradients nor on the engine, also when it throws', () => {
    const gradients = ['Exp', 'Tanh', 'Elu', 'EluGrad', 'Greater', 'Max'].map((name) => tf.getGradient(name));
    smoothGradients(() => smoothGradients(() => derivatives(tf.elu)));
    expect(() =>
      smoothGradients(() => {
        throw new Error('oops');
      }),
    ).toThrow('oops');
    expect(Object.hasOwn(internals(), 'addTapeNode')).toBe(false);
    for (const [i, name] of ['Exp', 'Tanh', 'Elu', 'EluGrad', 'Greater', 'Max'].entries()) {
      expect(tf.getGradient(name)).toBe(gradients[i]);
    }
    expect(() => tf.grad(tf.grad((x: tf.Tensor) => tf.tanh(x)) as Fn)(tf.scalar(1))).toThrow();
  });

  it('changes no first derivative by a bit', () => {
    const x = tf.tensor1d(X);
    for (const [f] of Object.values(functions)) {
      const grad = (): number[] =>
        tf.tidy(() => [
          ...tf
            .grad((z: tf.Tensor) => weighted(f)(z))(x)
            .dataSync(),
        ]);
      let plain: number[] | undefined;
      try {
        plain = grad();
      } catch (error) {
        // TensorFlow.js alone cannot differentiate a comparison at all.
        expect(String(error)).toMatch('gradient function not found');
      }
      const smooth = smoothGradients(grad);
      if (plain) expect(smooth).toEqual(plain);
    }
    x.dispose();
  });
});
