import { type FieldEngine, type FlatField } from '@odegrad/engine-tfjs';
import { replayEngine } from '@odegrad/engine-replay';
import { doubledTensorFlow, Draws } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { wasmEngine } from './wasm.ts';

type TensorFlow = typeof tf;
let exact: TensorFlow;

beforeAll(async () => {
  await tf.setBackend('cpu');
  exact = (await doubledTensorFlow()) as TensorFlow;
});

const COLUMNS = 6;

interface Scene {
  readonly tf: TensorFlow;
  readonly rows: number;
  readonly matrix: tf.Tensor2D;
  readonly row: tf.Tensor1D;
  readonly t: tf.Scalar;
  readonly y: tf.Tensor2D;
}
type Op = (x: tf.Tensor2D, scene: Scene) => tf.Tensor;

const positive = ({ tf }: Scene, x: tf.Tensor): tf.Tensor => tf.add(tf.square(x), 0.5);
const unary = (name: string, inside: (x: tf.Tensor, scene: Scene) => tf.Tensor = (x) => x): [string, Op] => [
  name,
  (x, scene) => (scene.tf as unknown as Record<string, (x: tf.Tensor) => tf.Tensor>)[name]!(inside(x, scene)),
];
const bounded = (x: tf.Tensor, { tf }: Scene): tf.Tensor => tf.mul(tf.tanh(x), 0.7);
const above = (x: tf.Tensor, scene: Scene): tf.Tensor => positive(scene, x);

/** Every operation takes and gives `[rows, 6]`. Values are kept moderate. */
const ops: readonly (readonly [string, Op])[] = [
  ...'tanh sigmoid softplus relu relu6 elu selu sin cos atan asinh erf softmax logSoftmax abs neg square'
    .split(' ')
    .map((name) => unary(name)),
  ...'tan asin acos sinh cosh atanh exp expm1'.split(' ').map((name) => unary(name, bounded)),
  ...'log log1p sqrt rsqrt reciprocal'.split(' ').map((name) => unary(name, above)),
  ['leakyRelu', (x, { tf }) => tf.leakyRelu(x, 0.1)],
  ['acosh', (x, scene) => scene.tf.acosh(scene.tf.add(positive(scene, x), 1))],
  ['clip', (x, { tf }) => tf.clipByValue(x, -0.8, 0.9)],
  ['pow', (x, scene) => scene.tf.pow(positive(scene, scene.tf.tanh(x)), scene.row)],
  ['addRow', (x, { tf, row }) => tf.add(x, row)],
  ['subRow', (x, { tf, row }) => tf.sub(row, x)],
  ['divide', (x, scene) => scene.tf.div(scene.row, positive(scene, x))],
  ['time', (x, { tf, t }) => tf.add(tf.mul(x, tf.sin(t)), tf.mul(t, t))],
  ['residual', (x, { tf, y }) => tf.add(x, tf.mul(x, tf.tanh(y)))],
  ['maximum', (x, { tf, y }) => tf.maximum(x, y)],
  ['minimum', (x, { tf, row, y }) => tf.minimum(x, tf.mul(y, row))],
  ['squaredDifference', (x, { tf, y }) => tf.squaredDifference(tf.tanh(x), y)],
  ['atan2', (x, scene) => scene.tf.atan2(x, positive(scene, x))],
  ['mod', (x, { tf }) => tf.add(tf.mod(tf.mul(x, 0.1), 7), x)],
  ['where', (x, { tf, y }) => tf.where(tf.greater(x, 0.1), tf.mul(x, 2), y)],
  [
    'logical',
    (x, { tf }) =>
      tf.where(tf.logicalAnd(tf.greaterEqual(x, -0.5), tf.logicalNot(tf.less(x, 0.3))), x, tf.neg(x)),
  ],
  ['step', (x, { tf }) => tf.mul(x, tf.step(x, 0.2))],
  ['sign', (x, { tf }) => tf.mul(x, tf.sign(x))],
  ['floor', (x, { tf }) => tf.sub(x, tf.mul(tf.floor(tf.mul(x, 0.3)), 0.1))],
  ['matMul', (x, { tf, matrix }) => tf.matMul(x, matrix)],
  ['matMulTransposed', (x, { tf, matrix }) => tf.matMul(x, matrix, false, true)],
  ['linear', (x, { tf, matrix, row }) => tf.add(tf.matMul(x, matrix), row)],
  ['fused', (x, { tf, matrix, row }) => tf.fused.matMul({ a: x, b: matrix, bias: row, activation: 'relu' })],
  ['gram', (x, { tf }) => tf.matMul(tf.matMul(x, x, false, true), tf.tanh(x))],
  [
    'attention',
    (x, { tf, rows }) => {
      const heads = tf.reshape(x, [rows, 2, 3]);
      const weights = tf.softmax(tf.matMul(heads, heads, false, true));
      return tf.reshape(tf.matMul(weights, heads), [rows, COLUMNS]);
    },
  ],
  ['sum', (x, { tf }) => tf.sub(x, tf.sum(x, 1, true))],
  ['mean', (x, { tf }) => tf.sub(x, tf.mean(x, 0))],
  ['max', (x, { tf }) => tf.sub(x, tf.max(x, 1, true))],
  ['min', (x, { tf }) => tf.sub(x, tf.min(x, 0))],
  ['prod', (x, { tf }) => tf.add(x, tf.prod(tf.tanh(x), 1, true))],
  ['norm', (x, { tf }) => tf.div(x, tf.add(tf.sqrt(tf.sum(tf.square(x), 1, true)), 0.5))],
  ['cumsum', (x, { tf }) => tf.cumsum(tf.tanh(x), 1, true, true)],
  ['transpose', (x, { tf, rows }) => tf.reshape(tf.transpose(x), [rows, COLUMNS])],
  [
    'roll',
    (x, { tf, rows }) => tf.concat([tf.slice(x, [0, 2], [rows, 4]), tf.slice(x, [0, 0], [rows, 2])], 1),
  ],
  ['split', (x, { tf }) => tf.concat(tf.split<tf.Tensor>(x, 3, 1).reverse(), 1)],
  ['stack', (x, { tf, rows }) => tf.reshape(tf.stack(tf.unstack(x, 1), 0), [rows, COLUMNS])],
  ['reverse', (x, { tf }) => tf.reverse(x, 1)],
  ['pad', (x, { tf, rows }) => tf.slice(tf.pad(x, [[1, 1], [2, 0]], 0.3), [0, 1], [rows, COLUMNS])], // prettier-ignore
  ['mirrorPad', (x, { tf, rows }) => tf.slice(tf.mirrorPad(x, [[1, 0], [2, 2]], 'reflect'), [0, 1], [rows, COLUMNS])], // prettier-ignore
  ['tile', (x, { tf, rows }) => tf.slice(tf.tile(x, [2, 1]), [1, 0], [rows, COLUMNS])],
  ['gather', (x, { tf }) => tf.gather(x, tf.tensor1d([5, 1, 4, 4, 0, 2], 'int32'), 1)],
  ['oneHot', (x, { tf }) => tf.mul(x, tf.oneHot(tf.argMax(x, 1), COLUMNS))],
  ['addN', (x, { tf, y }) => tf.addN([x, y, tf.tanh(x)])],
  ['gradient', (x, { tf }) => tf.grad((z) => tf.sum(tf.mul(tf.tanh(z), tf.softplus(z))))(x)],
  [
    'gradientOfProduct',
    (x, { tf, matrix }) => tf.grad((z) => tf.sum(tf.sigmoid(tf.matMul(z as tf.Tensor2D, matrix))))(x),
  ],
];

interface Numbers {
  readonly y: number[];
  readonly cotangent: number[];
  readonly matrix: number[];
  readonly row: number[];
}

/** A function of the seed, on whichever TensorFlow.js; rows fill vectors in every other one. */
function drawn(seed: number) {
  const draws = new Draws(seed);
  const rows = seed % 2 === 0 ? 9 : 3;
  const chosen = [
    ops[seed % ops.length]!,
    ...Array.from({ length: draws.integer(1, 4) }, () => draws.one(ops)),
  ];
  const values = (n: number): number[] =>
    Array.from({ length: n }, () => Math.fround(draws.uniform(-0.8, 0.8)));
  const numbers: Numbers = {
    y: values(rows * COLUMNS),
    cotangent: values(rows * COLUMNS),
    matrix: values(36),
    row: values(6),
  };
  const f = (scene: Scene): tf.Tensor =>
    chosen.reduce<tf.Tensor>(
      (x, [, run]) => run(scene.tf.reshape(scene.tf.mul(x, 0.9), [rows, COLUMNS]), scene),
      scene.y,
    );
  return { rows, f, numbers, label: `${seed}: ${chosen.map(([name]) => name).join(' → ')}` };
}

/** Of which TensorFlow.js has the gradient wrong, or that of the gradient, where nobody puts it right. */
const wrongAlone = /gradient|mirrorPad/;

/** The value, and the cotangents of y, the parameters and t. */
type Results = readonly (readonly number[])[];

function byEngine<A>(engine: FieldEngine<A>, seed: number, dtype: 'float32' | 'float64'): Results {
  const { rows, f, numbers } = drawn(seed);
  const [matrix, row] = [
    tf.variable(tf.tensor2d(numbers.matrix, [6, 6])),
    tf.variable(tf.tensor1d(numbers.row)),
  ];
  const field: FlatField = (t, [y]) => [
    f({
      ...{ tf, rows, t },
      matrix: matrix,
      row: row,
      y: y as tf.Tensor2D,
    }),
  ];
  const [y0, c0] = [numbers.y, numbers.cotangent].map((x) => tf.tensor2d(x, [rows, COLUMNS]));
  const request = { f: field, key: field, t0: 0.3, y0: [y0!], parameters: [matrix, row], dtype };
  const prepared = engine.prepare(request);
  const read = (x: A): number[] =>
    prepared.toArray ? Array.from(prepared.toArray(x)) : Array.from(prepared.toTensor(x).dataSync());
  const [y, c] = [prepared.fromTensor(y0!), prepared.fromTensor(c0!)];
  const linearization = prepared.field.linearize(0.3, [y]);
  const pulled = linearization.pullback([c], true);
  const split = [...linearization.value, ...pulled.y, ...pulled.parameters].map(read);
  const whole = prepared.field.vjp!(0.3, [y], [c], true);
  const results = [...prepared.field.evaluate(0.3, [y]), ...whole.y, ...whole.parameters].map(read);
  // Whether activations are kept or not makes no difference to what is computed of them.
  results.forEach((values, i) =>
    expect(deviation(split[i]!, values) * 2 ** -24).toBeLessThan(dtype === 'float32' ? 1e-5 : 1e-13),
  );
  linearization.release();
  tf.dispose([matrix, row, y0!, c0!]);
  return [...results, [whole.t]];
}

function inDoubles(seed: number): Results {
  const { rows, f, numbers } = drawn(seed);
  const at = (t: tf.Tensor, y: tf.Tensor, matrix: tf.Tensor, row: tf.Tensor): tf.Tensor =>
    // Whatever of it f reads.
    exact.add(
      f({ tf: exact, rows, t, y, matrix, row } as Scene),
      exact.mul(exact.addN([t, ...[y, matrix, row].map((x) => exact.sum(x))]), 0),
    );
  const [y, c] = [numbers.y, numbers.cotangent].map((x) => exact.tensor2d(x, [rows, COLUMNS]));
  const inputs = [exact.scalar(0.3), y!, exact.tensor2d(numbers.matrix, [6, 6]), exact.tensor1d(numbers.row)];
  const [t, ...gradients] = exact
    .grads(at)(
      inputs.map((x) => exact.add(x, 0)),
      c,
    )
    .map((x) => Array.from(x.dataSync()));
  return [Array.from(at(inputs[0]!, inputs[1]!, inputs[2]!, inputs[3]!).dataSync()), ...gradients, t!];
}

/** Largest deviation relative to the largest entry, in units of 2⁻²⁴. */
function deviation(found: readonly number[], wanted: readonly number[]): number {
  const scale = Math.max(1, ...wanted.map(Math.abs));
  return Math.max(0, ...wanted.map((x, i) => Math.abs(found[i]! - x) / scale)) * 2 ** 24;
}

const COUNT = process.env['ODEGRAD_ALL'] === '1' ? 500 : 100;
const PER_TEST = 20;
const engine = wasmEngine();
const seeds = Array.from({ length: COUNT / PER_TEST }, (_, k) => k * PER_TEST);

describe.each(seeds)('random functions from number %i', (from) => {
  test('are those of the recorded kernels in float32', () => {
    const warn = vi.spyOn(console, 'warn');
    for (let seed = from; seed < from + PER_TEST; seed++) {
      const [found, wanted] = [byEngine(engine, seed, 'float32'), byEngine(replayEngine, seed, 'float32')];
      // Conditioning differs; a thousand units of rounding are far below any mistake.
      wanted.forEach((x, i) =>
        expect(deviation(found[i]!, x), `${drawn(seed).label}, ${i}`).toBeLessThan(1500),
      );
    }
    // No function was replayed instead.
    expect(warn.mock.calls.filter(([text]) => String(text).startsWith('Engine'))).toEqual([]);
    warn.mockRestore();
  });

  test('are those of TensorFlow.js in doubles, in float64', () => {
    for (let seed = from; seed < from + PER_TEST; seed++) {
      const [found, wanted] = [byEngine(engine, seed, 'float64'), inDoubles(seed)];
      const { label } = drawn(seed);
      const right = wrongAlone.test(label) ? wanted.slice(0, 1) : wanted;
      right.forEach((x, i) =>
        expect(deviation(found[i]!, x) * 2 ** -24, `${label}, ${i}`).toBeLessThan(1e-11),
      );
    }
  });
});
