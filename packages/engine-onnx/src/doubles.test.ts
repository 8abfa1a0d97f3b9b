import { doubledTensorFlow, Draws } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { createRegistry } from '@odegrad/core';
import { solve, type FlatField } from '@odegrad/engine-tfjs';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';

import type { OnnxArray } from './runtime/runtime.ts';
import { loweredKernels } from './lower/index.ts';
import { onnx, onnxEngine } from './onnx.ts';
import { traceField, traceGradient } from '@odegrad/trace';

type TensorFlow = typeof tf;
let exact: TensorFlow;

beforeAll(async () => {
  await tf.setBackend('cpu');
  exact = (await doubledTensorFlow()) as TensorFlow;
});

const ROWS = 4;
const COLUMNS = 6;

/** Numbers of one function: those of the parameters are float32, all others need their doubles. */
interface Numbers {
  readonly y: readonly number[];
  readonly cotangent: readonly number[];
  readonly matrix: readonly number[];
  readonly row: readonly number[];
  readonly t: number;
}

interface Scene<T extends TensorFlow = TensorFlow> {
  readonly tf: T;
  readonly matrix: tf.Tensor2D;
  readonly row: tf.Tensor1D;
  readonly t: tf.Scalar;
  readonly y: tf.Tensor2D;
}

type Op = (x: tf.Tensor2D, scene: Scene) => tf.Tensor;

const image = ({ tf }: Scene, x: tf.Tensor): tf.Tensor4D => tf.reshape(x, [1, ROWS, COLUMNS, 1]);
/** x, of which no gradient is taken. */
const cutOff = (tf: Scene['tf'], x: tf.Tensor): tf.Tensor =>
  tf.customGrad((z) => ({ value: tf.clone(z as tf.Tensor), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) }))(
    x,
  );
const positive = ({ tf }: Scene, x: tf.Tensor): tf.Tensor => tf.add(tf.square(x), 0.3141592653589793);
const c = 0.1234567890123456;
const filter = [0.31830988618, -0.4342944819, 0.2718281828, 0.1414213562];

/** Each takes and gives `[4, 6]`. Together they run every kernel that has a lowering. */
const single: Readonly<Record<string, Op>> = {
  tanh: (x, { tf }) => tf.tanh(x),
  sigmoid: (x, { tf }) => tf.sigmoid(x),
  softplus: (x, { tf }) => tf.softplus(x),
  relu: (x, { tf }) => tf.relu(x),
  relu6: (x, { tf }) => tf.relu6(tf.mul(x, 9.80665)),
  elu: (x, { tf }) => tf.elu(x),
  selu: (x, { tf }) => tf.selu(x),
  leakyRelu: (x, { tf }) => tf.leakyRelu(x, c),
  prelu: (x, { tf, row }) => tf.prelu(x, tf.tile(tf.reshape(row, [1, COLUMNS]), [ROWS, 1])),
  softmax: (x, { tf }) => tf.softmax(x),
  logSoftmax: (x, { tf }) => tf.logSoftmax(x),
  sin: (x, { tf }) => tf.sin(x),
  cos: (x, { tf }) => tf.cos(x),
  tan: (x, { tf }) => tf.tan(tf.mul(tf.tanh(x), 0.7)),
  asin: (x, { tf }) => tf.asin(tf.mul(tf.tanh(x), 0.7)),
  acos: (x, { tf }) => tf.acos(tf.mul(tf.tanh(x), 0.7)),
  atan: (x, { tf }) => tf.atan(x),
  sinh: (x, { tf }) => tf.sinh(tf.tanh(x)),
  cosh: (x, { tf }) => tf.cosh(tf.tanh(x)),
  asinh: (x, { tf }) => tf.asinh(x),
  acosh: (x, scene) => scene.tf.acosh(scene.tf.add(positive(scene, x), 1)),
  atanh: (x, { tf }) => tf.atanh(tf.mul(tf.tanh(x), 0.7)),
  erf: (x, { tf }) => tf.erf(x),
  exp: (x, { tf }) => tf.exp(tf.tanh(x)),
  expm1: (x, { tf }) => tf.expm1(tf.tanh(x)),
  log: (x, scene) => scene.tf.log(positive(scene, x)),
  log1p: (x, scene) => scene.tf.log1p(positive(scene, x)),
  sqrt: (x, scene) => scene.tf.sqrt(positive(scene, x)),
  rsqrt: (x, scene) => scene.tf.rsqrt(positive(scene, x)),
  reciprocal: (x, scene) => scene.tf.reciprocal(positive(scene, x)),
  square: (x, { tf }) => tf.square(tf.tanh(x)),
  abs: (x, { tf }) => tf.abs(x),
  neg: (x, { tf }) => tf.neg(x),
  clip: (x, { tf }) => tf.clipByValue(x, -0.8123456789, c),
  pow: (x, scene) => scene.tf.pow(positive(scene, scene.tf.tanh(x)), 1.7),
  powTensor: (x, scene) => scene.tf.pow(positive(scene, scene.tf.tanh(x)), scene.row),
  add: (x, { tf, row }) => tf.add(x, row),
  sub: (x, { tf, row }) => tf.sub(row, x),
  mul: (x, { tf, row }) => tf.mul(x, row),
  div: (x, scene) => scene.tf.div(scene.row, positive(scene, x)),
  // TensorFlow.js passes the cotangents of a floored quotient and of a cast to whole numbers on, in doubles as well; the right
  // ones are 0, asserted elsewhere.
  floorDiv: (x, { tf }) => tf.add(x, tf.mul(tf.floorDiv(cutOff(tf, x), 0.3), c)),
  time: (x, { tf, t }) => tf.add(tf.mul(x, tf.sin(t)), tf.mul(t, t)),
  maximum: (x, { tf, y }) => tf.maximum(x, y),
  minimum: (x, { tf, row, y }) => tf.minimum(x, tf.mul(y, row)),
  squaredDifference: (x, { tf, row, y }) => tf.squaredDifference(tf.tanh(x), tf.mul(y, row)),
  atan2: (x, scene) => scene.tf.atan2(x, positive(scene, x)),
  mod: (x, { tf }) => tf.add(tf.mod(tf.mul(x, 0.1), 7.1), x),
  where: (x, { tf, y }) => tf.where(tf.greater(x, c), tf.mul(x, 2), y),
  comparisons: (x, { tf, y }) => {
    const inside = tf.logicalAnd(tf.greaterEqual(x, -0.5), tf.logicalNot(tf.less(x, 0.3)));
    const odd = tf.logicalXor(tf.lessEqual(y, c), tf.notEqual(x, x));
    const finite = tf.logicalAnd(tf.isFinite(x), tf.logicalNot(tf.logicalOr(tf.isNaN(x), tf.isInf(x))));
    return tf.where(tf.logicalAnd(finite, tf.logicalOr(inside, tf.equal(odd, inside))), tf.mul(x, c), y);
  },
  anyAll: (x, { tf, y }) => tf.where(tf.logicalOr(tf.any(tf.less(x, c)), tf.all(tf.less(y, x))), x, y),
  step: (x, { tf }) => tf.mul(x, tf.step(x, c)),
  sign: (x, { tf }) => tf.mul(x, tf.sign(x)),
  rounding: (x, { tf }) =>
    tf.addN([x, tf.mul(tf.floor(tf.mul(x, 3)), c), tf.mul(tf.ceil(tf.mul(x, 5)), c), tf.round(tf.mul(x, 7))]),
  cast: (x, { tf }) => tf.add(x, tf.mul(tf.cast(tf.cast(tf.mul(cutOff(tf, x), 9), 'int32'), 'float32'), c)),
  matMul: (x, { tf, matrix }) => tf.matMul(x, matrix),
  fused: (x, { tf, matrix, row }) => tf.fused.matMul({ a: x, b: matrix, bias: row, activation: 'relu' }),
  batchMatMul: (x, { tf }) => {
    const [a, b] = [tf.reshape(x, [2, 2, 6]), tf.reshape(tf.tanh(x), [2, 2, 6])];
    return tf.reshape(tf.slice(tf.matMul(a, b, true, false), [0, 0, 0], [2, 2, 6]), [ROWS, COLUMNS]);
  },
  sum: (x, { tf }) => tf.sub(x, tf.sum(x, 1, true)),
  mean: (x, { tf }) => tf.sub(x, tf.mean(x, 0)),
  max: (x, { tf }) => tf.sub(x, tf.max(x, 1, true)),
  min: (x, { tf }) => tf.sub(x, tf.min(x, 0)),
  prod: (x, { tf }) => tf.add(x, tf.prod(tf.tanh(x), 1, true)),
  cumsum: (x, { tf }) => tf.cumsum(tf.tanh(x), 1, true, true),
  argMin: (x, { tf }) => tf.mul(x, tf.oneHot(tf.argMin(x, 1), COLUMNS, c, 0.9 * c, 'float32')),
  argMax: (x, { tf }) => tf.mul(x, tf.oneHot(tf.argMax(x, 1), COLUMNS)),
  transpose: (x, { tf }) => tf.reshape(tf.transpose(x), [ROWS, COLUMNS]),
  concat: (x, { tf }) => tf.concat([tf.slice(x, [0, 2], [ROWS, 4]), tf.slice(x, [0, 0], [ROWS, 2])], 1),
  split: (x, { tf }) => tf.concat(tf.split<tf.Tensor>(x, 3, 1).reverse(), 1),
  stack: (x, { tf }) => tf.reshape(tf.stack(tf.unstack(x, 1), 0), [ROWS, COLUMNS]),
  reverse: (x, { tf }) => tf.reverse(x, 1),
  pad: (x, { tf }) => {
    const wide = tf.pad(x, [[1, 1], [2, 0]], c); // prettier-ignore
    return tf.slice(wide, [0, 1], [ROWS, COLUMNS]);
  },
  tile: (x, { tf }) => tf.slice(tf.tile(x, [2, 1]), [2, 0], [ROWS, COLUMNS]),
  broadcastTo: (x, { tf, row }) => tf.mul(x, tf.broadcastTo(tf.reshape(row, [1, COLUMNS]), [ROWS, COLUMNS])),
  gather: (x, { tf }) => tf.gather(x, tf.tensor1d([3, 0, 0, 2], 'int32')),
  segments: (x, { tf }) => tf.unsortedSegmentSum(tf.tanh(x), tf.tensor1d([1, 0, 3, 1], 'int32'), ROWS),
  conv2d: (x, scene) =>
    scene.tf.conv2d(image(scene, x), scene.tf.tensor4d([...filter], [2, 2, 1, 1]), 1, 'same'),
  conv2dFused: (x, { tf, matrix, ...scene }) =>
    tf.fused.conv2d({
      x: image({ ...scene, tf, matrix }, x),
      filter: tf.reshape(tf.slice(matrix, [0, 0], [2, 2]), [2, 2, 1, 1]),
      strides: 1,
      pad: 'same',
      bias: tf.tensor1d([c]),
      activation: 'sigmoid',
    }),
  conv2dTranspose: (x, scene) =>
    scene.tf.conv2dTranspose(
      image(scene, x),
      scene.tf.reshape<tf.Rank.R4>(scene.tf.slice(scene.matrix, [0, 0], [2, 2]), [2, 2, 1, 1]),
      [1, ROWS, COLUMNS, 1],
      1,
      'same',
    ),
  depthwise: (x, { tf, row }) =>
    tf.depthwiseConv2d(
      tf.reshape<tf.Rank.R4>(x, [1, 2, 6, 2]),
      tf.reshape<tf.Rank.R4>(tf.slice(row, 0, 4), [1, 2, 2, 1]),
      1,
      'same',
    ),
  depthwiseFused: (x, { tf, row }) =>
    tf.fused.depthwiseConv2d({
      x: tf.reshape<tf.Rank.R4>(x, [1, 2, 6, 2]),
      filter: tf.reshape<tf.Rank.R4>(tf.slice(row, 0, 4), [1, 2, 2, 1]),
      strides: 1,
      pad: 'same',
      activation: 'relu',
    }),
  avgPool: (x, scene) => scene.tf.add(x, scene.tf.sum(scene.tf.avgPool(image(scene, x), 2, 2, 'valid'))),
  maxPool: (x, scene) => scene.tf.add(x, scene.tf.sum(scene.tf.maxPool(image(scene, x), [2, 3], 1, 'valid'))),
  batchNorm: (x, { tf, row }) =>
    tf.batchNorm(
      x,
      row,
      tf.add(tf.square(row), c),
      tf.tensor1d([1, 2, 3, 4, 5, 6].map((n) => n * c)),
      row,
      c,
    ),
};

/** What optimizers fuse, and what people build of the above. */
const composed: Readonly<Record<string, Op>> = {
  scaledProduct: (x, { tf, matrix }) => tf.mul(tf.matMul(x, matrix), 0.1),
  dividedProduct: (x, { tf, matrix }) => tf.div(tf.matMul(x, matrix), 3),
  productOfScaled: (x, { tf, matrix }) => tf.matMul(tf.mul(x, c), tf.mul(0.1, matrix)),
  scaledTransposed: (x, { tf, matrix }) => tf.mul(0.7, tf.matMul(x, matrix, false, true)),
  scaledBatch: (x, { tf }) => {
    const a = tf.reshape(x, [2, 2, 6]);
    const scores = tf.mul(tf.matMul(a, a, false, true), 1 / Math.sqrt(6));
    return tf.reshape(tf.matMul(tf.softmax(scores), a), [ROWS, COLUMNS]);
  },
  attention: (x, { tf, matrix }) => {
    const [q, k] = [tf.matMul(x, matrix), tf.matMul(x, matrix, false, true)];
    return tf.matMul(tf.softmax(tf.div(tf.matMul(q, k, false, true), Math.sqrt(COLUMNS))), x);
  },
  swish: (x, { tf }) => tf.mul(x, tf.sigmoid(x)),
  quickGelu: (x, { tf }) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))),
  scaledSwish: (x, { tf }) => tf.mul(tf.sigmoid(tf.mul(c, x)), x),
  gelu: (x, { tf }) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2)))),
  geluByTanh: (x, { tf }) => {
    const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));
    return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
  },
  geluOfBias: (x, { tf, row }) => {
    const z = tf.add(x, row);
    return tf.mul(0.5, tf.mul(z, tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1)));
  },
  mish: (x, { tf }) => tf.mul(x, tf.tanh(tf.softplus(x))),
  linear: (x, { tf, matrix, row }) => tf.add(tf.matMul(x, matrix), row),
  layer: (x, { tf, matrix, row }) => tf.tanh(tf.add(tf.matMul(x, matrix), tf.mul(row, c))),
  rectified: (x, { tf, matrix, row }) => tf.clipByValue(tf.relu(tf.add(tf.matMul(x, matrix), row)), 0, c),
  layerNorm: (x, { tf, row }) => {
    const { mean, variance } = tf.moments(x, 1, true);
    return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1.1e-3))), row), c);
  },
  layerNormByPow: (x, { tf, row }) => {
    const centred = tf.sub(x, tf.mean(x, 1, true));
    const deviation = tf.sqrt(tf.add(tf.mean(tf.pow(centred, 2), 1, true), 1.1e-3));
    return tf.add(tf.mul(tf.div(centred, deviation), row), row);
  },
  rootMeanSquare: (x, { tf, row }) =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), 1, true), 1.1e-3))), row),
  logSumExp: (x, { tf }) => tf.sub(x, tf.logSumExp(x, 1, true)),
  biasedSoftmax: (x, { tf, row }) => tf.softmax(tf.add(tf.mul(x, c), row)),
  divideByReciprocal: (x, scene) => scene.tf.mul(scene.tf.div(1, positive(scene, x)), scene.row),
  constants: (x, { tf }) => {
    const scale = tf.sqrt(tf.div(tf.sum(tf.tensor1d([1.380649, 9.80665])), tf.exp(tf.scalar(c))));
    return tf.mul(
      tf.add(x, tf.matMul(tf.fill([ROWS, 2], c), tf.linspace(0, 0.7, 12).reshape([2, 6]))),
      scale,
    );
  },
  matrixOfNumbers: (x, { tf }) => tf.matMul(x, tf.tensor2d(
    Array.from({ length: 6 }, (_, i) => Array.from({ length: 6 }, (__, j) => Math.sin(6 * i + j))),
  )), // prettier-ignore
  ranges: (x, { tf }) => tf.mul(x, tf.cos(tf.range(0, 0.6, 0.1))),
  convolvedScaled: (x, scene) =>
    scene.tf.mul(
      scene.tf.relu(
        scene.tf.add(
          scene.tf.conv2d(image(scene, x), scene.tf.tensor4d([...filter], [2, 2, 1, 1]), 1, 'same'),
          c,
        ),
      ),
      0.1,
    ),
};

/** What TensorFlow.js has no gradient of, or not the right one. */
const withoutGradient: Readonly<Record<string, Op>> = {
  stridedSlice: (x, { tf }) => tf.add(x, tf.sum(tf.stridedSlice(x, [0, 1], [4, 6], [2, 2]))),
  cumprod: (x, { tf }) => tf.cumprod(tf.mul(x, 1.7), 1, true),
  mirrorPad: (x, { tf }) => {
    const wide = tf.mirrorPad(tf.mul(x, c), [[1, 0], [2, 2]], 'reflect'); // prettier-ignore
    return tf.slice(wide, [0, 1], [ROWS, COLUMNS]);
  },
};

const ops: Readonly<Record<string, Op>> = { ...single, ...composed };

function numbersOf(seed: number): Numbers {
  const draws = new Draws(seed);
  const draw = (): number => draws.uniform(0, 1);
  const values = (n: number): number[] => Array.from({ length: n }, () => 1.6 * draw() - 0.8);
  return {
    y: values(24),
    cotangent: values(24),
    matrix: values(36).map(Math.fround),
    row: values(6).map(Math.fround),
    t: 0.3 + draw() / 3,
  };
}

/** A function of the operations, one after the other, with numbers of its own between them. */
function chain(names: readonly string[], scene: Scene): tf.Tensor2D {
  return names.reduce<tf.Tensor2D>(
    (x, name, i) =>
      scene.tf.reshape<tf.Rank.R2>(
        (ops[name] ?? withoutGradient[name])!(i === 0 ? x : scene.tf.mul(x, 0.7 + c / (i + 1)), scene),
        [ROWS, COLUMNS],
      ),
    scene.y,
  );
}

/** Value and gradients with respect to y, matrix, row and t. */
type Result = readonly ArrayLike<number>[];

function wanted(names: readonly string[], numbers: Numbers): Result {
  const tf = exact;
  return tf.tidy(() => {
    const y = tf.tensor2d([...numbers.y], [ROWS, COLUMNS]);
    const matrix = tf.tensor2d([...numbers.matrix], [6, 6]);
    const row = tf.tensor1d([...numbers.row]);
    const t = tf.scalar(numbers.t);
    const xs = [y, matrix, row, t];
    const { value, grads } = tf
      .engine()
      .gradients(
        () => chain(names, { tf, y, matrix, row, t }),
        xs,
        tf.tensor2d([...numbers.cotangent], [ROWS, COLUMNS]),
        true,
      );
    const all = [value, ...(grads as (tf.Tensor | null)[]).map((x, i) => x ?? tf.zerosLike(xs[i]!))];
    return all.map((x) => Array.from(x.dataSync()));
  });
}

const engine = onnxEngine({ threads: 1, blocks: 1 });

function found(
  names: readonly string[],
  numbers: Numbers,
  dtype: 'float32' | 'float64',
): { whole: Result; split: Result; kernels: string[] } {
  const matrix = tf.variable(tf.tensor2d([...numbers.matrix], [6, 6]));
  const row = tf.variable(tf.tensor1d([...numbers.row]));
  const y0 = tf.tensor2d([...numbers.y], [ROWS, COLUMNS]);
  const f: FlatField = (t, [y]) => [
    chain(names, {
      tf,
      t,
      y: y as tf.Tensor2D,
      matrix: matrix,
      row: row,
    }),
  ];
  const parameters = [matrix, row];
  const traced = { f, shapes: [[ROWS, COLUMNS]], parameters, dtype } as const;
  const programs = [traceField(traced).program, traceGradient(traced).program];
  const { field, fromArray, toArray } = engine.prepare({
    f,
    key: f,
    t0: numbers.t,
    y0: [y0],
    parameters,
    dtype,
  });
  const shape = [ROWS, COLUMNS];
  const y = fromArray!(Float64Array.from(numbers.y), shape);
  const cotangent = fromArray!(Float64Array.from(numbers.cotangent), shape);
  const read = (x: OnnxArray): Float64Array => toArray!(x);
  const whole = field.vjp!(numbers.t, [y], [cotangent], true);
  const linearization = field.linearize(numbers.t, [y]);
  const pulled = linearization.pullback([cotangent], true);
  const result = {
    whole: [...whole.value!, ...whole.y, ...whole.parameters].map(read).concat(Float64Array.of(whole.t)),
    split: [...linearization.value, ...pulled.y, ...pulled.parameters]
      .map(read)
      .concat(Float64Array.of(pulled.t)),
    kernels: programs.flatMap(({ instructions }) => instructions.map(({ kernel }) => kernel)),
  };
  linearization.release();
  tf.dispose([matrix, row, y0]);
  return result;
}

const registry = createRegistry()
  .use(onnx({ threads: 1, blocks: 1 }))
  .use(tableaux)
  .use(symplectic);
const STEPS = 2;
const H = 0.05;

/** Steps of the classical Runge–Kutta method: the state at the end, and gradients with respect to y0, matrix and row. */
function solved(names: readonly string[], numbers: Numbers): Result {
  const matrix = tf.variable(tf.tensor2d([...numbers.matrix], [6, 6]));
  const row = tf.variable(tf.tensor1d([...numbers.row]));
  const weights = { matrix: matrix as unknown as tf.Tensor2D, row: row as unknown as tf.Tensor1D };
  const shape = [ROWS, COLUMNS];
  const solution = solve(
    (t: tf.Scalar, y: tf.Tensor) => chain(names, { tf, t, y: y as tf.Tensor2D, ...weights }),
    { shape, data: Float64Array.from(numbers.y) },
    [numbers.t, numbers.t + STEPS * H],
    { engine: 'onnx', registry, solver: 'rk4', numSteps: STEPS, params: [matrix, row] },
  );
  const cotangent = new Float64Array(2 * numbers.y.length);
  cotangent.set(numbers.cotangent, numbers.y.length);
  const { y0, parameters } = solution.pullback(cotangent);
  const result = [
    solution.ys.data.slice(numbers.y.length),
    y0.data,
    ...[matrix, row].map(({ name }) => parameters[name]!.data),
  ];
  solution.dispose();
  tf.dispose([matrix, row]);
  return result;
}

function unrolled(names: readonly string[], numbers: Numbers): Result {
  const tf = exact;
  return tf.tidy(() => {
    const y0 = tf.tensor2d([...numbers.y], [ROWS, COLUMNS]);
    const matrix = tf.tensor2d([...numbers.matrix], [6, 6]);
    const row = tf.tensor1d([...numbers.row]);
    const f = (t: number, y: tf.Tensor2D): tf.Tensor2D =>
      chain(names, { tf, y, matrix, row, t: tf.scalar(t) });
    const solution = (): tf.Tensor => {
      let y = y0;
      for (let n = 0; n < STEPS; n++) {
        const t = numbers.t + n * H;
        const k1 = f(t, y);
        const k2 = f(t + H / 2, tf.add(y, tf.mul(H / 2, k1)));
        const k3 = f(t + H / 2, tf.add(y, tf.mul(H / 2, k2)));
        const k4 = f(t + H, tf.add(y, tf.mul(H, k3)));
        y = tf.addN([y, tf.mul(H / 6, k1), tf.mul(H / 3, k2), tf.mul(H / 3, k3), tf.mul(H / 6, k4)]);
      }
      return y;
    };
    const xs = [y0, matrix, row];
    const seed = tf.tensor2d([...numbers.cotangent], [ROWS, COLUMNS]);
    const { value, grads } = tf.engine().gradients(solution, xs, seed, true);
    const all = [value, ...(grads as (tf.Tensor | null)[]).map((x, i) => x ?? tf.zerosLike(xs[i]!))];
    return all.map((x) => Array.from(x.dataSync()));
  });
}

/** Largest deviation relative to the largest entry, or to 1. */
function deviation(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let [difference, scale] = [0, 1];
  for (let i = 0; i < other.length; i++) {
    const apart = Math.abs(one[i]! - other[i]!);
    difference = Math.max(difference, Number.isNaN(apart) ? Infinity : apart);
    scale = Math.max(scale, Math.abs(other[i]!));
  }
  return one.length === other.length ? difference / scale : Infinity;
}

/** Of a function without a gradient. */
function checkValue(name: string, seed: number, bound: number): readonly string[] {
  const { y, t } = numbersOf(seed);
  const right = exact.tidy(() => {
    const start = exact.tensor2d([...y], [ROWS, COLUMNS]);
    return chain([name], { tf: exact, y: start, t: exact.scalar(t) } as Scene).dataSync();
  });
  const f: FlatField = (time, [x]) => [chain([name], { tf, y: x, t: time } as Scene)];
  const y0 = tf.tensor2d([...y], [ROWS, COLUMNS]);
  const request = { f, key: f, t0: t, y0: [y0], parameters: [], dtype: 'float64' } as const;
  const { field, fromArray, toArray } = engine.prepare(request);
  const [value] = field.evaluate(t, [fromArray!(Float64Array.from(y), [ROWS, COLUMNS])]);
  expect(deviation(toArray!(value!), right), name).toBeLessThan(bound);
  y0.dispose();
  return traceField({ ...request, shapes: [[ROWS, COLUMNS]] }).program.instructions.map(
    ({ kernel }) => kernel,
  );
}

const parts = ['value', 'y', 'matrix', 'row', 't'];

/** Value and gradients of a function as one model each and in two halves; gives the kernels that ran. */
function check(
  names: readonly string[],
  seed: number,
  bound: number,
  dtype: 'float32' | 'float64' = 'float64',
): readonly string[] {
  const numbers = numbersOf(seed);
  const right = wanted(names, numbers);
  const { whole, split, kernels } = found(names, numbers, dtype);
  const label = `${seed}: ${names.join(' → ')}`;
  for (const [i, part] of parts.entries()) {
    expect(deviation(whole[i]!, right[i]!), `${label}, ${part}`).toBeLessThan(bound);
    expect(deviation(split[i]!, right[i]!), `${label}, ${part}, split`).toBeLessThan(bound);
  }
  return kernels;
}

let warnings: MockInstance<typeof console.warn>;
beforeEach(() => {
  warnings = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  // Many functions of one source are compiled here; nothing else is worth a word.
  const said = warnings.mock.calls.map(([text]) => String(text));
  expect(
    said.filter((text) => /^(odegrad|Engine)/.test(text) && !text.includes('functions of the same source')),
  ).toEqual([]);
  warnings.mockRestore();
});

describe('in doubles', () => {
  test('every operation is right to 1e-14, and every kernel with a lowering is among them', () => {
    const ran = new Set(Object.keys(ops).flatMap((name, i) => check([name], i, 1e-14)));
    for (const name of Object.keys(withoutGradient))
      for (const kernel of checkValue(name, 1, 1e-14)) ran.add(kernel);
    // TensorFlow.js has no such kernels here, and a copy is no instruction.
    const absent = loweredKernels.filter((kernel) => !(tf.getKernel(kernel, 'cpu') as unknown));
    expect(absent).toEqual(['LogicalXor', 'LogSoftmax', 'BroadcastTo']);
    expect(loweredKernels.filter((kernel) => !ran.has(kernel) && !absent.includes(kernel))).toEqual([
      'Identity',
    ]);
  });

  test('whole steps in one call are', () => {
    for (const [seed, name] of Object.keys(composed).entries()) {
      const numbers = numbersOf(seed);
      const [right, result] = [unrolled([name], numbers), solved([name], numbers)];
      right.forEach((part, i) => {
        expect(deviation(result[i]!, part), `${name}, ${parts[i]}`).toBeLessThan(1e-14);
      });
    }
  });

  test('compositions are', () => {
    const names = Object.keys(ops);
    for (let seed = 0; seed < (process.env['ODEGRAD_ALL'] ? 600 : 60); seed++) {
      const draws = new Draws(7 * seed + 3);
      const chosen = Array.from({ length: draws.integer(2, 4) }, () => draws.one(names));
      check(chosen, seed, 1e-13);
    }
  }, 600_000);
});

test('in float32 every operation is right to eight units of rounding', () => {
  for (const [seed, name] of Object.keys(ops).entries()) check([name], seed, 8 * 2 ** -24, 'float32');
});
