import type { FlatField } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { arrayOf } from './array-engine.ts';
import { createPool, type OnnxArray, type Runtime } from './array.ts';
import { compileProgram } from './compile.ts';
import { hoist } from './hoist.ts';
import type { Instruction, Program } from './program.ts';
import { traceGradient } from './trace.ts';
import { turnFactors } from './turned-factors.ts';

let w: tf.Variable;
let u: tf.Variable;
beforeAll(async () => {
  await tf.setBackend('cpu');
  w = tf.variable(tf.tensor2d([0.3, -0.2, 0.5, 0.7, 0.1, -0.4], [2, 3]));
  u = tf.variable(tf.tensor2d([0.1, 0.2, -0.3, 0.4], [2, 2]));
});

const runtime: Runtime = { float: 'float64', pool: createPool(), providers: ['cpu'], threads: 1, cores: 1 };
const product = (x: tf.Tensor, y: tf.Tensor, transposeB = false): tf.Tensor =>
  tf.matMul(x, y, false, transposeB);

/** y w twice, (y w) wᵀ, y u, and a product of the point with itself. */
const f: FlatField = (_, [y]) => {
  const wide = tf.add(product(y!, w), product(tf.tanh(y!), w));
  const narrow = tf.add(product(wide, w, true), product(y!, u));
  return [tf.add(narrow, product(product(y!, y!, true), y!))];
};

const given = (program: Program): Readonly<Record<string, OnnxArray>> =>
  Object.fromEntries(
    program.inputs.map(({ name, value }, k) => {
      const { shape } = program.values[value]!;
      const values = Array.from({ length: 64 }, (_, i) => Math.sin(3 * i + 5 * k + 1));
      const size = shape.reduce((n, extent) => n * extent, 1);
      return [name, arrayOf(runtime.pool, 'float64', values.slice(0, size), shape)];
    }),
  );

function run(program: Program): Readonly<Record<string, OnnxArray>> {
  const model = compileProgram(program, runtime);
  const feeds = given(program);
  for (const name of model.inputs) model.feeds[name] = feeds[name]!;
  const results = model.run();
  model.release();
  return results;
}

const of = ({ instructions }: Program, kernel: string): Instruction[] =>
  instructions.filter((instruction) => instruction.kernel === kernel);

describe('turnFactors', () => {
  const traced = (): Program => traceGradient({ f, shapes: [[4, 2]], parameters: [w, u] }).program;

  test('turns a large factor once, however often it is multiplied by, and nothing else', () => {
    const program = traced();
    const turned = turnFactors(program, 6);
    const transposed = of(turned, 'Transpose');
    const p0 = program.inputs.find(({ name }) => name === 'p0')!.value;
    expect(transposed.map(({ inputs }) => inputs[0]!.value)).toEqual([p0]);
    const by = (value: number): Instruction[] =>
      of(turned, 'BatchMatMul').filter(({ inputs }) => inputs[1]!.value === value);
    // y w and tanh(y) w, and the pullback of (y w) wᵀ, which multiplies by w again.
    expect(by(transposed[0]!.outputs[0]!)).toHaveLength(3);
    for (const { attrs } of by(transposed[0]!.outputs[0]!)) expect(attrs['transposeB']).toBe(true);
    // What multiplied by wᵀ does so still.
    for (const { attrs } of by(p0)) expect(attrs['transposeB']).toBe(true);
    expect(of(turned, 'BatchMatMul')).toHaveLength(of(program, 'BatchMatMul').length);
  });

  test('gives the same values', () => {
    const program = traced();
    const [before, after] = [run(program), run(turnFactors(program, 1))];
    for (const [name, { data }] of Object.entries(before)) {
      expect(data.length).toBeGreaterThan(0);
      data.forEach((x, i) => {
        expect(Number(after[name]!.data[i])).toBeCloseTo(Number(x), 13);
      });
    }
  });

  test('is taken out of what runs at each point', () => {
    const { prelude, rest } = hoist(turnFactors(traced(), 1), 'v:');
    expect(of(prelude!, 'Transpose')).toHaveLength(2);
    expect(of(rest, 'Transpose')).toEqual([]);
  });

  test('takes what f turned over itself', () => {
    const itself: FlatField = (_, [y]) => [tf.add(product(y!, u), tf.mul(tf.transpose(u), y!))];
    const { program } = traceGradient({ f: itself, shapes: [[2, 2]], parameters: [u] });
    expect(of(turnFactors(program, 1), 'Transpose')).toHaveLength(of(program, 'Transpose').length);
  });

  test('leaves small factors, and those that come from the point', () => {
    const program = traced();
    expect(turnFactors(program, 7).instructions).toEqual(program.instructions);
    const self: FlatField = (_, [y]) => [product(y!, tf.mul(y!, u))];
    const { program: late } = traceGradient({ f: self, shapes: [[2, 2]], parameters: [u] });
    expect(turnFactors(late, 1).instructions).toEqual(late.instructions);
  });
});
