import type * as tf from '@tensorflow/tfjs-core';
import { pair, size, type Draw, type Tf } from './draws.ts';

const unary =
  (f: (x: tf.Tensor) => tf.Tensor, low = -1, high = 1): Draw =>
  (r) => ({ f, at: [r.values(r.shape(), low, high)] });
const kinked =
  (f: (x: tf.Tensor) => tf.Tensor): Draw =>
  (r) => ({ f, at: [r.apart(r.shape())] });
const jumping =
  (f: (x: tf.Tensor) => tf.Tensor): Draw =>
  (r) => ({ f, at: [r.between(r.shape())] });

const binary =
  (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, low = -1, high = 1, lowB = low, highB = high): Draw =>
  (r) => ({
    f: f,
    at: pair(
      r,
      (s) => r.values(s, low, high),
      (s) => r.values(s, lowB, highB),
    ),
  });

/** Operations that work entry by entry. */
export const elementwise = (tf: Tf): Record<string, Draw> => ({
  Abs: kinked(tf.abs),
  Acos: unary(tf.acos, -0.8, 0.8),
  Acosh: unary(tf.acosh, 1.5, 3),
  Add: binary(tf.add),
  AddN: (r) => {
    const shape = r.shape();
    return { f: (...xs) => tf.addN(xs), at: Array.from({ length: r.integer(2, 4) }, () => r.values(shape)) };
  },
  Asin: unary(tf.asin, -0.8, 0.8),
  Asinh: unary(tf.asinh),
  Atan: unary(tf.atan),
  Atan2: binary(tf.atan2, 0.5, 2),
  Atanh: unary(tf.atanh, -0.8, 0.8),
  Cast: (r) => {
    const type = r.one(['int32', 'bool', 'float32'] as const);
    return { f: (x) => tf.mul(tf.cast(tf.cast(x, type), 'float32'), x), at: [r.between(r.shape())] };
  },
  Ceil: jumping(tf.ceil),
  ClipByValue: kinked((x) => tf.clipByValue(x, -0.3, 0.45)),
  Cos: unary(tf.cos),
  Cosh: unary(tf.cosh),
  Elu: kinked(tf.elu),
  Erf: unary(tf.erf),
  Exp: unary(tf.exp),
  Expm1: unary(tf.expm1),
  Floor: jumping(tf.floor),
  FloorDiv: (r) => ({
    f: (a, b) => tf.mul(tf.floorDiv(a, b), tf.add(a, b)),
    at: pair(
      r,
      (s) => ({ shape: s, values: r.between(s, 1, 8).values }),
      (s) => ({ shape: s, values: r.values(s, 0.99, 1.01).values }),
    ),
  }),
  GreaterEqual: (r) => ({
    f: (a, b) => tf.mul(tf.cast(tf.greaterEqual(a, b), 'float32'), tf.add(a, b)),
    at: pair(
      r,
      (s) => r.values(s, 0.2, 1),
      (s) => r.values(s, -1, -0.2),
    ),
  }),
  Identity: unary(tf.clone),
  IsFinite: jumping((x) => tf.mul(tf.cast(tf.isFinite(x), 'float32'), x)),
  IsInf: jumping((x) => tf.mul(tf.cast(tf.isInf(x), 'float32'), x)),
  IsNan: jumping((x) => tf.mul(tf.cast(tf.isNaN(x), 'float32'), x)),
  LeakyRelu: kinked((x) => tf.leakyRelu(x, 0.3)),
  Log: unary(tf.log, 0.5, 2),
  Log1p: unary(tf.log1p, -0.5, 2),
  Maximum: (r) => {
    const [a, b] = pair(r, (s) => r.apart(s));
    return { f: (x, y) => tf.maximum(x, y), at: [a!, { ...b!, values: b!.values.map((v) => v + 0.075) }] };
  },
  Minimum: (r) => {
    const [a, b] = pair(r, (s) => r.apart(s));
    return { f: (x, y) => tf.minimum(x, y), at: [a!, { ...b!, values: b!.values.map((v) => v + 0.075) }] };
  },
  Mod: (r) => ({
    f: (a, b) => tf.mod(a, b),
    at: pair(
      r,
      (s) => ({ shape: s, values: r.between(s, -5, 5).values }),
      (s) => ({ shape: s, values: r.values(s, 0.99, 1.01).values }),
    ),
  }),
  Multiply: binary(tf.mul),
  Neg: unary(tf.neg),
  OnesLike: unary((x) => tf.mul(tf.onesLike(x), x)),
  Pow: binary(tf.pow, 0.5, 2, -2, 2),
  Prelu: (r) => {
    const [x, alpha] = pair(r, (s) => r.apart(s));
    return { f: (z, a) => tf.prelu(z, a), at: [x!, alpha!] };
  },
  RealDiv: binary(tf.div, 0.5, 2),
  Reciprocal: unary(tf.reciprocal, 0.5, 2),
  Relu: kinked(tf.relu),
  Relu6: (r) => ({ f: (x) => tf.relu6(x), at: [r.apart(r.shape(), 0.9)] }),
  Round: (r) => ({
    f: (x) => tf.round(x),
    at: [{ ...r.between(r.shape()) }].map((p) => ({ ...p, values: p.values.map((v) => v + 0.5) })),
  }),
  Rsqrt: unary(tf.rsqrt, 0.5, 2),
  Select: (r) => {
    const shape = r.shape();
    const on = Array.from({ length: size(shape) }, () => r.integer(0, 1));
    return {
      f: (a, b) => tf.where(tf.tensor(on, shape, 'bool'), a, b),
      at: [r.values(shape), r.values(shape)],
    };
  },
  Selu: kinked(tf.selu),
  Sigmoid: unary(tf.sigmoid),
  Sign: kinked((x) => tf.mul(tf.sign(x), x)),
  Sin: unary(tf.sin),
  Sinh: unary(tf.sinh),
  Softplus: unary(tf.softplus),
  Sqrt: unary(tf.sqrt, 0.5, 2),
  Square: unary(tf.square),
  SquaredDifference: binary(tf.squaredDifference),
  Step: kinked((x) => tf.mul(tf.step(x, 0.3), x)),
  Sub: binary(tf.sub),
  Tan: unary(tf.tan),
  Tanh: unary(tf.tanh),
  ZerosLike: unary((x) => tf.add(tf.zerosLike(x), x)),
});
