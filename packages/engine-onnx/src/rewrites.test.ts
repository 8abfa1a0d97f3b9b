import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { arrayOf } from './array-engine.ts';
import { createPool, type FloatData, type Runtime } from './array.ts';
import { createBuilder, type ProgramBuilder } from './builder.ts';
import { compileProgram } from './compile.ts';
import { flatten } from './flatten.ts';
import type { Program } from './program.ts';
import { simplify } from './simplify.ts';
import { sumOf } from './sum-terms.ts';
import { traceGradient } from './trace.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const runtime: Runtime = {
  float: 'float64',
  pool: createPool(),
  providers: ['cpu'],
  threads: 1,
  cores: 1,
};

/** The outputs of a program whose inputs are drawn from a fixed sequence. */
function run(program: Program): Record<string, number[]> {
  const model = compileProgram(program, runtime);
  for (const { name, value } of program.inputs) {
    const { shape } = program.values[value]!;
    const size = shape.reduce((n, extent) => n * extent, 1);
    const values = Array.from({ length: size }, (_, i) =>
      Math.sin(3 * i + 5 * name.charCodeAt(0) + name.charCodeAt(1)),
    );
    model.feeds[name] = arrayOf(runtime.pool, 'float64', values, shape);
  }
  const outputs = Object.entries(model.run()).map(
    ([name, x]) => [name, Array.from(x.data as FloatData)] as const,
  );
  model.release();
  return Object.fromEntries(outputs);
}

const kernels = ({ instructions }: Program): string[] => instructions.map(({ kernel }) => kernel);

describe('flatten', () => {
  test.each(['tanh', 'relu', 'elu', 'sigmoid', 'softplus', 'linear'] as const)(
    'leaves no view in dense layers with %s, and their values',
    (activation) => {
      const net = tf.sequential({
        layers: [
          tf.layers.dense({ units: 5, activation, inputShape: [3] }),
          tf.layers.dense({ units: 4, activation, useBias: false }),
          tf.layers.dense({ units: 3 }),
        ],
      });
      const { program } = traceGradient({
        f: (_, [y]) => [net.apply(y!) as tf.Tensor],
        shapes: [[7, 3]],
        parameters: net.trainableWeights.map((w) => w.read() as unknown as tf.Variable),
      });
      const flat = flatten(program);
      expect(kernels(program)).toContain('Reshape');
      expect(kernels(flat)).not.toContain('Reshape');
      expect(flat.outputs.map(({ name }) => name)).toEqual(program.outputs.map(({ name }) => name));
      const [found, expected] = [run(flat), run(program)];
      for (const [name, values] of Object.entries(expected)) {
        expect(found[name]).toHaveLength(values.length);
        values.forEach((x, i) => {
          expect(Math.abs(found[name]![i]! - x)).toBeLessThan(1e-14);
        });
      }
      net.dispose();
    },
  );

  test('leaves products of several matrices and other sums alone', () => {
    const trace = (f: (y: tf.Tensor3D) => tf.Tensor, shape: number[]): Program =>
      traceGradient({ f: (_, [y]) => [f(y as tf.Tensor3D)], shapes: [shape], parameters: [] }).program;
    const several = trace((y) => tf.matMul(y, y), [2, 3, 3]);
    expect(kernels(flatten(several))).toEqual(kernels(several));
    for (const axis of [[0], [1], [0, 2], [1, 2]]) {
      const sums = trace((y) => tf.mul(tf.ones(y.shape), tf.sum(tf.sin(y), axis, true)), [1, 3, 2]);
      const [found, expected] = [run(flatten(sums)), run(sums)];
      expect(found).toEqual(expected);
    }
  });
});

const TERMS = 3;

type Make = (b: ProgramBuilder, x: number, y: number) => number;

/** Σᵢ make(xᵢ, yᵢ), by `sumOf` or by plain addition. */
function sum(
  shape: readonly number[],
  make: Make,
  add: (b: ProgramBuilder, terms: number[]) => number,
): Program {
  const b = createBuilder();
  const terms = Array.from({ length: TERMS }, (_, i) =>
    make(b, b.input(`p${i}`, shape), b.input(`q${i}`, shape)),
  );
  return simplify(b.finish([{ name: 'sum', value: add(b, terms) }]));
}

const plainly = (b: ProgramBuilder, terms: number[]): number =>
  terms.reduce((a, x) => b.call('Add', { a, b: x }, b.shape(a)));

const product =
  (transposeA: boolean, transposeB: boolean): Make =>
  (b, x, y) => {
    const [m, n] = b.shape(x) as [number, number];
    const rows = transposeA ? n : m;
    return b.call('BatchMatMul', { a: x, b: y }, [rows, rows], { transposeA, transposeB });
  };
const rows: Make = (b, x) => b.call('Sum', { x }, [b.shape(x)[1]!], { axis: [0] });
const columns: Make = (b, x) => b.call('Sum', { x }, [b.shape(x)[0]!], { axis: [1] });
const flipped: Make = (b, x) =>
  b.call('Transpose', { x: b.call('Reshape', { x }, [3, 2], { shape: [3, 2] }) }, [2, 3], { perm: [1, 0] });
const unlike: Make = (b, x, y) => b.call('Sin', { x: y }, b.shape(x));

describe('a sum of values made alike', () => {
  test.each([
    ['products AᵀB', product(true, false), ['Concat', 'Concat', 'BatchMatMul']],
    ['products ABᵀ', product(false, true), ['Concat', 'Concat', 'BatchMatMul']],
    ['sums over rows', rows, ['Concat', 'Sum']],
    ['sums over columns', columns, ['Sum', 'Sum', 'Sum', 'AddN']],
    ['views and transpositions', flipped, ['AddN', 'Reshape', 'Transpose']],
    ['others', unlike, ['Sin', 'Sin', 'Sin', 'AddN']],
  ] as const)('of %s', (_, make, kernels) => {
    const [found, expected] = [sum([2, 3], make, sumOf), sum([2, 3], make, plainly)];
    expect(found.instructions.map(({ kernel }) => kernel)).toEqual(kernels);
    const wanted = run(expected)['sum']!;
    run(found)['sum']!.forEach((x, i) => {
      expect(Math.abs(x - wanted[i]!)).toBeLessThan(1e-14);
    });
  });

  test('of large products is not stacked', () => {
    const { instructions } = sum([80, 60], product(true, false), sumOf);
    expect(instructions.map(({ kernel }) => kernel)).toEqual([
      'BatchMatMul',
      'BatchMatMul',
      'BatchMatMul',
      'AddN',
    ]);
  });

  test('of one is itself, and of inputs is a sum', () => {
    const b = createBuilder();
    const [x, y] = [b.input('x', [2]), b.input('y', [2])];
    expect(sumOf(b, [x])).toBe(x);
    expect(b.maker(sumOf(b, [x, y]))?.kernel).toBe('AddN');
  });
});
