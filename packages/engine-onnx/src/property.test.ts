import * as tf from '@tensorflow/tfjs';
import { tfjsEngine, type FieldEngine, type FlatField, type PreparedField } from '@odegrad/engine-tfjs';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { onnxEngine } from './onnx.ts';
import { replayEngine } from '@odegrad/engine-replay';
import { shardings } from '@odegrad/trace';
import { traceGradient } from '@odegrad/trace';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Marsaglia's xorshift: the same functions in every run. */
function generator(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

type Op = readonly [name: string, run: (x: tf.Tensor2D, w: Weights) => tf.Tensor];

interface Weights {
  readonly matrix: tf.Tensor2D;
  readonly row: tf.Tensor1D;
  readonly t: tf.Scalar;
  readonly y: tf.Tensor2D;
}

const ROWS = 4;
const COLUMNS = 6;
const as2d = (x: tf.Tensor): tf.Tensor2D => tf.reshape(x, [ROWS, COLUMNS]);
const positive = (x: tf.Tensor): tf.Tensor => tf.add(tf.square(x), 0.5);

/** Every operation takes and gives `[4, 6]`. Values are kept moderate: float32 rounding is what is compared. */
const ops: readonly Op[] = [
  ['tanh', (x) => tf.tanh(x)],
  ['sigmoid', (x) => tf.sigmoid(x)],
  ['softplus', (x) => tf.softplus(x)],
  ['relu', (x) => tf.relu(x)],
  ['relu6', (x) => tf.relu6(x)],
  ['elu', (x) => tf.elu(x)],
  ['selu', (x) => tf.selu(x)],
  ['leakyRelu', (x) => tf.leakyRelu(x, 0.1)],
  ['prelu', (x, { row }) => tf.prelu(x, as2d(tf.tile(row, [ROWS])))],
  ['softmax', (x) => tf.softmax(x)],
  ['logSoftmax', (x) => tf.logSoftmax(x)],
  ['sin', (x) => tf.sin(x)],
  ['cos', (x) => tf.cos(x)],
  ['tan', (x) => tf.tan(tf.mul(tf.tanh(x), 0.7))],
  ['asin', (x) => tf.asin(tf.mul(tf.tanh(x), 0.7))],
  ['acos', (x) => tf.acos(tf.mul(tf.tanh(x), 0.7))],
  ['atan', (x) => tf.atan(x)],
  ['sinh', (x) => tf.sinh(tf.tanh(x))],
  ['cosh', (x) => tf.cosh(tf.tanh(x))],
  ['asinh', (x) => tf.asinh(x)],
  ['acosh', (x) => tf.acosh(tf.add(positive(x), 1))],
  ['atanh', (x) => tf.atanh(tf.mul(tf.tanh(x), 0.7))],
  ['erf', (x) => tf.erf(x)],
  ['exp', (x) => tf.exp(tf.tanh(x))],
  ['expm1', (x) => tf.expm1(tf.tanh(x))],
  ['log', (x) => tf.log(positive(x))],
  ['log1p', (x) => tf.log1p(positive(x))],
  ['sqrt', (x) => tf.sqrt(positive(x))],
  ['rsqrt', (x) => tf.rsqrt(positive(x))],
  ['reciprocal', (x) => tf.reciprocal(positive(x))],
  ['square', (x) => tf.square(tf.tanh(x))],
  ['abs', (x) => tf.abs(x)],
  ['neg', (x) => tf.neg(x)],
  ['clip', (x) => tf.clipByValue(x, -0.8, 0.9)],
  ['pow', (x) => tf.pow(positive(tf.tanh(x)), 1.7)],
  ['powTensor', (x, { row }) => tf.pow(positive(tf.tanh(x)), row)],
  ['addRow', (x, { row }) => tf.add(x, row)],
  ['subRow', (x, { row }) => tf.sub(row, x)],
  ['mulRow', (x, { row }) => tf.mul(x, row)],
  ['divide', (x, { row }) => tf.div(row, positive(x))],
  ['addTime', (x, { t }) => tf.add(x, tf.mul(t, t))],
  ['mulTime', (x, { t }) => tf.mul(x, tf.sin(t))],
  ['residual', (x, { y }) => tf.add(x, y)],
  ['product', (x, { y }) => tf.mul(x, tf.tanh(y))],
  ['maximum', (x, { y }) => tf.maximum(x, y)],
  ['minimum', (x, { row, y }) => tf.minimum(x, tf.mul(y, row))],
  ['squaredDifference', (x, { row, y }) => tf.squaredDifference(tf.tanh(x), tf.mul(y, row))],
  ['atan2', (x) => tf.atan2(x, positive(x))],
  ['mod', (x) => tf.add(tf.mod(tf.mul(x, 0.1), 7), x)],
  ['where', (x, { y }) => tf.where(tf.greater(x, 0.1), tf.mul(x, 2), y)],
  ['whereLess', (x, { row }) => tf.where(tf.lessEqual(x, tf.zerosLike(x)), x, tf.mul(x, row))],
  [
    'logical',
    (x) => tf.where(tf.logicalAnd(tf.greaterEqual(x, -0.5), tf.logicalNot(tf.less(x, 0.3))), x, tf.neg(x)),
  ],
  ['step', (x) => tf.mul(x, tf.step(x, 0.2))],
  ['sign', (x) => tf.mul(x, tf.sign(x))],
  ['floor', (x) => tf.sub(x, tf.mul(tf.floor(tf.mul(x, 0.3)), 0.1))],
  ['matMul', (x, { matrix }) => tf.matMul(x, matrix)],
  ['matMulTransposed', (x, { matrix }) => tf.matMul(x, matrix, false, true)],
  ['linear', (x, { matrix, row }) => tf.add(tf.matMul(x, matrix), row)],
  [
    'fusedLinear',
    (x, { matrix, row }) => tf.fused.matMul({ a: x, b: matrix, bias: row, activation: 'relu' }),
  ],
  ['gram', (x) => as2d(tf.matMul(tf.matMul(x, x, false, true), tf.tanh(x)))],
  [
    'batchMatMul',
    (x) =>
      as2d(
        tf
          .matMul(tf.reshape(x, [2, 2, 6]), tf.reshape(tf.tanh(x), [2, 2, 6]), true, false)
          .slice([0, 0, 0], [2, 2, 6]),
      ),
  ],
  ['sum', (x) => tf.sub(x, tf.sum(x, 1, true))],
  ['mean', (x) => tf.sub(x, tf.mean(x, 0))],
  ['max', (x) => tf.sub(x, tf.max(x, 1, true))],
  ['min', (x) => tf.sub(x, tf.min(x, 0))],
  ['prod', (x) => tf.add(x, tf.prod(tf.tanh(x), 1, true))],
  ['logSumExp', (x) => tf.sub(x, tf.logSumExp(x, 1, true))],
  ['norm', (x) => tf.div(x, tf.add(tf.sqrt(tf.sum(tf.square(x), 1, true)), 0.5))],
  ['cumsum', (x) => tf.cumsum(tf.tanh(x), 1, true, true)],
  ['transpose', (x) => as2d(tf.transpose(x))],
  ['roll', (x) => tf.concat([tf.slice(x, [0, 2], [ROWS, 4]), tf.slice(x, [0, 0], [ROWS, 2])], 1)],
  ['split', (x) => tf.concat(tf.split<tf.Tensor>(x, 3, 1).reverse(), 1)],
  ['stack', (x) => as2d(tf.stack(tf.unstack(x, 1), 0))],
  ['reverse', (x) => tf.reverse(x, 1)],
  [
    'pad',
    (x) =>
      tf.slice(
        tf.pad(
          x,
          [
            [1, 1],
            [2, 0],
          ],
          0.3,
        ),
        [0, 1],
        [ROWS, COLUMNS],
      ),
  ],
  [
    'mirrorPad',
    (x) =>
      tf.slice(
        tf.mirrorPad(
          x,
          [
            [1, 0],
            [2, 2],
          ],
          'reflect',
        ),
        [0, 1],
        [ROWS, COLUMNS],
      ),
  ],
  ['tile', (x) => tf.slice(tf.tile(x, [2, 1]), [2, 0], [ROWS, COLUMNS])],
  ['gather', (x) => tf.gather(x, tf.tensor1d([3, 0, 0, 2], 'int32'))],
  ['gatherColumns', (x) => tf.gather(x, tf.tensor1d([5, 1, 4, 4, 0, 2], 'int32'), 1)],
  ['oneHot', (x) => tf.mul(x, tf.oneHot(tf.argMax(x, 1), COLUMNS))],
  ['addN', (x, { y }) => tf.addN([x, y, tf.tanh(x)])],
  [
    'conv1d',
    (x) =>
      as2d(
        tf.conv1d(
          tf.reshape<tf.Rank.R3>(x, [ROWS, COLUMNS, 1]),
          tf.tensor3d([0.5, -0.2, 0.3], [3, 1, 1]),
          1,
          'same',
        ),
      ),
  ],
  [
    'conv2d',
    (x) =>
      as2d(
        tf.conv2d(
          tf.reshape<tf.Rank.R4>(x, [1, ROWS, COLUMNS, 1]),
          tf.tensor4d([0.3, -0.4, 0.2, 0.1], [2, 2, 1, 1]),
          1,
          'same',
        ),
      ),
  ],
  [
    'convStride',
    (x, { matrix }) =>
      tf.add(
        x,
        tf.sum(
          tf.conv2d(
            tf.reshape<tf.Rank.R4>(x, [1, ROWS, COLUMNS, 1]),
            tf.reshape<tf.Rank.R4>(tf.slice(matrix, [0, 0], [3, 6]), [3, 3, 1, 2]),
            2,
            'same',
          ),
        ),
      ),
  ],
  [
    'depthwise',
    (x, { row }) =>
      as2d(
        tf.depthwiseConv2d(
          tf.reshape<tf.Rank.R4>(x, [1, 2, 6, 2]),
          tf.reshape<tf.Rank.R4>(tf.slice(row, 0, 4), [1, 2, 2, 1]),
          1,
          'same',
        ),
      ),
  ],
  [
    'avgPool',
    (x) => tf.add(x, tf.sum(tf.avgPool(tf.reshape<tf.Rank.R4>(x, [1, ROWS, COLUMNS, 1]), 2, 2, 'valid'))),
  ],
  [
    'maxPool',
    (x) =>
      tf.add(x, tf.sum(tf.maxPool(tf.reshape<tf.Rank.R4>(x, [1, ROWS, COLUMNS, 1]), [2, 3], 1, 'valid'))),
  ],
  ['gradient', (x) => tf.grad((z) => tf.sum(tf.mul(tf.tanh(z), tf.softplus(z))))(x)],
  [
    'gradientOfExp',
    (x, { matrix }) => tf.grad((z) => tf.sum(tf.sigmoid(tf.matMul(z as tf.Tensor2D, matrix))))(x),
  ],
  ['gradientOfElu', (x, { row }) => tf.grad((z) => tf.sum(tf.mul(tf.elu(z), tf.mul(z, row))))(x)],
];

interface Sample {
  readonly f: FlatField;
  readonly names: readonly string[];
  readonly y0: tf.Tensor2D;
  readonly cotangent: tf.Tensor2D;
  readonly parameters: readonly tf.Variable[];
  dispose(): void;
}

function sample(seed: number): Sample {
  const draw = generator(seed + 1);
  for (let i = 0; i < 10; i++) draw();
  const values = (n: number): number[] => Array.from({ length: n }, () => 1.6 * draw() - 0.8);
  const matrix = tf.variable(tf.tensor2d(values(36), [6, 6]));
  const row = tf.variable(tf.tensor1d(values(6)));
  const weights = { matrix: matrix as unknown as tf.Tensor2D, row: row as unknown as tf.Tensor1D };
  // Every operation comes up: the first of a function goes through the list, the others are drawn.
  const chosen = [
    ops[seed % ops.length]!,
    ...Array.from({ length: 1 + Math.floor(draw() * 4) }, () => ops[Math.floor(draw() * ops.length)]!),
  ];
  const f: FlatField = (t, [y]) => [
    chosen.reduce(
      (x, [, run]) => as2d(run(tf.mul(x, 0.9), { ...weights, t, y: y as tf.Tensor2D })),
      y as tf.Tensor2D,
    ),
  ];
  const y0 = tf.tensor2d(values(24), [ROWS, COLUMNS]);
  const cotangent = tf.tensor2d(values(24), [ROWS, COLUMNS]);
  return {
    f,
    names: chosen.map(([name]) => name),
    y0,
    cotangent,
    parameters: [matrix, row],
    dispose: () => {
      tf.dispose([matrix, row, y0, cotangent]);
    },
  };
}

interface Result {
  readonly value: readonly Float32Array[];
  readonly gradient: readonly Float32Array[];
  readonly t: number;
  readonly split: readonly Float32Array[];
}

function run<A>(engine: FieldEngine<A>, { f, y0, cotangent, parameters }: Sample): Result {
  const prepared: PreparedField<A> = engine.prepare({
    f,
    key: f,
    t0: 0.3,
    y0: [y0],
    parameters,
    dtype: 'float32',
  });
  const { field, fromTensor, toTensor } = prepared;
  const read = (x: A): Float32Array => {
    const tensor = toTensor(x);
    const values = tensor.dataSync<'float32'>().slice();
    tensor.dispose();
    return values;
  };
  const [y, c] = [fromTensor(y0), fromTensor(cotangent)];
  const value = field.evaluate(0.3, [y]);
  const linearization = field.linearize(0.3, [y]);
  const pulled = linearization.pullback([c], true);
  const whole = field.vjp?.(0.3, [y], [c], true) ?? { ...pulled, value: linearization.value };
  const result = {
    value: value.map(read),
    gradient: [...whole.y, ...whole.parameters].map(read),
    t: whole.t,
    split: [...linearization.value, ...pulled.y, ...pulled.parameters].map(read),
  };
  linearization.release();
  const all = new Set([
    y,
    c,
    ...value,
    ...linearization.value,
    ...pulled.y,
    ...pulled.parameters,
    ...(whole.value ?? []),
    ...whole.y,
    ...whole.parameters,
  ]);
  for (const x of all) field.engine.release(x);
  return result;
}

/** Largest deviation relative to the largest entry, in units of 2⁻²⁴. */
function deviation(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let [difference, scale] = [0, 1];
  for (let i = 0; i < wanted.length; i++) {
    difference = Math.max(difference, Math.abs(found[i]! - wanted[i]!));
    scale = Math.max(scale, Math.abs(wanted[i]!));
  }
  return (difference / scale) * 2 ** 24;
}

/** More than there are operations, so that each comes first once; 500 with ODEGRAD_ALL. */
const COUNT = process.env['ODEGRAD_ALL'] ? 500 : 100;
const PER_TEST = 25;

const engines = [
  ['whole', onnxEngine({ blocks: 1 })],
  // Those that treat rows apart; the others stay whole.
  ['in blocks of rows', onnxEngine({ blocks: 2 })],
] as const;

describe('random functions of the supported operations', () => {
  test('are enough for each operation', () => {
    expect(COUNT).toBeGreaterThanOrEqual(ops.length);
  });

  test.each(Array.from({ length: COUNT / PER_TEST }, (_, k) => k * PER_TEST))(
    'agree with eager TensorFlow.js, to the bit where they are replayed, from number %i',
    (from) => {
      const warn = vi.spyOn(console, 'warn');
      for (let seed = from; seed < from + PER_TEST; seed++) {
        const one = sample(seed);
        const before = tf.memory();
        const eager = run(tfjsEngine, one);
        for (const [how, engine] of engines) {
          const label = `${how}, ${seed}: ${one.names.join(' → ')}`;
          const compiled = run(engine, one);
          // Conditioning differs; a thousand units of rounding are far below any mistake.
          for (const [i, value] of eager.value.entries())
            expect(deviation(compiled.value[i]!, value), label).toBeLessThan(1000);
          for (const [i, value] of eager.gradient.entries())
            expect(deviation(compiled.gradient[i]!, value), `${label}, gradient ${i}`).toBeLessThan(2000);
          expect(Math.abs(compiled.t - eager.t), `${label}, t`).toBeLessThan(
            1e-4 * Math.max(1, Math.abs(eager.t)),
          );
          for (const [i, value] of compiled.gradient.entries())
            expect(deviation(compiled.split[i + 1]!, value), `${label}, split ${i}`).toBeLessThan(100);
          expect(tf.memory().numTensors, label).toBe(before.numTensors);
        }
        const label = `replayed, ${seed}: ${one.names.join(' → ')}`;
        const replayed = run(replayEngine, one);
        expect(replayed.value, label).toEqual(eager.value);
        for (const [i, value] of eager.gradient.entries())
          expect(deviation(replayed.gradient[i]!, value), `${label}, gradient ${i}`).toBeLessThan(20);
        expect(tf.memory().numTensors, label).toBe(before.numTensors);
        expect(tf.memory().numDataBuffers, label).toBe(before.numDataBuffers);
        one.dispose();
      }
      // No function was replayed instead.
      expect(warn.mock.calls.filter(([text]) => String(text).startsWith('Engine'))).toEqual([]);
      warn.mockRestore();
    },
  );

  test('are cut into blocks where rows are apart, a good part of them', () => {
    const cut = Array.from({ length: COUNT }, (_, seed) => {
      const { f, parameters, dispose } = sample(seed);
      const { program } = traceGradient({ f, shapes: [[ROWS, COLUMNS]], parameters });
      dispose();
      return shardings(program, ROWS);
    }).filter(Boolean);
    expect(cut.length).toBeGreaterThan(COUNT / 3);
    expect(cut.length).toBeLessThan(COUNT);
  });
});
