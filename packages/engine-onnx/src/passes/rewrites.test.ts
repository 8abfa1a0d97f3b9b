import {
  createBuilder,
  flatten,
  lerp,
  reassociate,
  runPasses,
  simplify,
  sumOf,
  traceGradient,
  type FloatData,
  type Pass,
  type Program,
  type ProgramBuilder,
} from '@odegrad/trace';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { arrayOf } from '@odegrad/trace';
import { createPool } from '@odegrad/trace';
import { type Runtime } from '../runtime/runtime.ts';
import { compileProgram } from '../runtime/compile.ts';
import { biasesInProducts } from './biases.ts';
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

/** The program after these passes, each simplified. */
const after =
  (...runs: readonly Pass['run'][]) =>
  (program: Program): Program =>
    runPasses(
      runs.flatMap((run) => [run, simplify]).map((run) => ({ name: run.name, run })),
      program,
    );
const flattened = after(flatten);
const withBiasesInside = after(biasesInProducts);

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
      const flat = flattened(program);
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
    expect(kernels(flattened(several))).toEqual(kernels(several));
    for (const axis of [[0], [1], [0, 2], [1, 2]]) {
      const sums = trace((y) => tf.mul(tf.ones(y.shape), tf.sum(tf.sin(y), axis, true)), [1, 3, 2]);
      const [found, expected] = [run(flattened(sums)), run(sums)];
      expect(found).toEqual(expected);
    }
  });
});

describe('products with a column of ones', () => {
  const traced = (f: (y: tf.Tensor2D) => tf.Tensor, shape: number[]): Program =>
    traceGradient({ f: (_, [y]) => [f(y as tf.Tensor2D)], shapes: [shape], parameters: [] }).program;
  const same = (found: Program, expected: Program): void => {
    const [a, b] = [run(found), run(expected)];
    expect(Object.keys(a)).toEqual(Object.keys(b));
    for (const [name, values] of Object.entries(b))
      values.forEach((x, i) => {
        expect(Math.abs(a[name]![i]! - x)).toBeLessThan(1e-13);
      });
  };

  test('are the row itself, repeated, and the sum over rows', () => {
    // The gradient of a sum over rows and units, as an energy has it: ones times the last layer's weights.
    const w = tf.variable(tf.tensor2d([0.3, -0.2, 0.5], [3, 1]));
    const energy = (y: tf.Tensor): tf.Scalar =>
      tf.sum(tf.matMul(tf.tanh(y as tf.Tensor2D), w as unknown as tf.Tensor2D));
    const { program } = traceGradient({
      f: (_, [y]) => [tf.grad(energy)(y!)],
      shapes: [[4, 3]],
      parameters: [w],
    });
    expect(kernels(program).filter((kernel) => kernel === 'BatchMatMul')).toHaveLength(2);
    const flat = flattened(program);
    expect(kernels(flat)).not.toContain('BatchMatMul');
    expect(kernels(flat)).toContain('Sum');
    same(flat, program);
    w.dispose();
  });

  test('are left where the column is another', () => {
    const twos = traced((y) => tf.matMul(tf.fill([4, 1], 2), tf.slice(y, [0, 0], [1, 3])), [4, 3]);
    expect(kernels(flattened(twos))).toContain('BatchMatMul');
    same(flattened(twos), twos);
  });
});

describe('a row added to a product', () => {
  test('of higher rank than the product is added', () => {
    const b = createBuilder();
    const product = b.call(
      'BatchMatMul',
      { a: b.input('y0', [300, 3]), b: b.input('p0', [3, 400]) },
      [300, 400],
    );
    const sum = b.call('Add', { a: product, b: b.input('p1', [1, 1, 400]) }, [1, 300, 400]);
    const program = b.finish([{ name: 'f0', value: sum }]);
    expect(kernels(withBiasesInside(program))).toEqual(['BatchMatMul', 'Add']);
  });

  const layer = (rows: number, columns: number, units: number, transposed: boolean): Program => {
    const b = createBuilder();
    const [x, w] = [
      b.input('y0', [rows, columns]),
      b.input('p0', transposed ? [units, columns] : [columns, units]),
    ];
    const product = b.call('BatchMatMul', { a: x, b: w }, [rows, units], {
      transposeA: false,
      transposeB: transposed,
    });
    const sum = b.call('Add', { a: b.input('p1', [units]), b: product }, [rows, units]);
    return simplify(b.finish([{ name: 'f0', value: sum }]));
  };

  test.each([
    ['is one more row of a narrow factor', 300, 3, 400, false, true],
    ['also where that is transposed', 300, 3, 400, true, true],
    ['also where the factor is a quarter as wide', 300, 100, 400, false, true],
    ['is added where the factor is wider', 300, 101, 400, false, false],
    ['is added where the product is small', 30, 3, 400, false, false],
  ] as const)('%s', (_, rows, columns, units, transposed, inside) => {
    const program = layer(rows, columns, units, transposed);
    const flat = withBiasesInside(program);
    expect(kernels(flat).includes('Add')).toBe(!inside);
    const [found, wanted] = [run(flat)['f0']!, run(program)['f0']!];
    // One expectation: there are a hundred thousand numbers. Of a NaN the largest is NaN, and not less.
    const largest = wanted.reduce((max, x, i) => Math.max(max, Math.abs(found[i]! - x)), 0);
    expect(largest).toBeLessThan(1e-13);
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

/** Makes the regrouped program, after having compared its results. */
function regrouped(program: Program): Program {
  const other = after(reassociate, lerp)(program);
  const [found, wanted] = [run(other), run(program)];
  expect(Object.keys(found)).toEqual(Object.keys(wanted));
  for (const [name, values] of Object.entries(wanted))
    values.forEach((x, i) => {
      expect(Math.abs(found[name]![i]! - x)).toBeLessThan(1e-14);
    });
  return other;
}

const passes = (program: Program): number =>
  kernels(program).filter((kernel) => ['Multiply', 'Neg', 'Add', 'Sub'].includes(kernel)).length;

const SHAPE = [3, 2];

/** A program on the inputs c0, c1, … of one shape, and what else the outputs are. */
function built(count: number, make: (b: ProgramBuilder, x: readonly number[]) => readonly number[]): Program {
  const b = createBuilder();
  const x = Array.from({ length: count }, (_, i) => b.input(`c${i}`, SHAPE));
  return simplify(b.finish(make(b, x).map((value, i) => ({ name: `f${i}`, value }))));
}
const times = (b: ProgramBuilder, a: number, c: number): number => b.call('Multiply', { a, b: c }, SHAPE);
const number = (b: ProgramBuilder, x: number): number => b.constant(Float32Array.of(x), []);

describe('products of arrays', () => {
  test('take up a product that is at hand', () => {
    // x₀x₁ is an output; (x₂x₀)x₁ is x₂(x₀x₁), one pass less.
    const program = built(3, (b, [x, y, z]) => [times(b, x!, y!), times(b, times(b, z!, x!), y!)]);
    expect(passes(program)).toBe(3);
    expect(passes(regrouped(program))).toBe(2);
  });

  test('leave a product alone that is made of what nothing else needs', () => {
    const program = built(3, (b, [x, y, z]) => [times(b, times(b, z!, x!), y!)]);
    expect(regrouped(program).instructions).toEqual(program.instructions);
    const other = built(3, (b, [x, y, z]) => {
      const part = times(b, z!, x!);
      return [times(b, part, y!), b.call('Sin', { x: part }, SHAPE)];
    });
    expect(regrouped(other).instructions).toEqual(other.instructions);
  });

  test('gather signs and whole numbers, and leave fractions', () => {
    const negative = (b: ProgramBuilder, x: number): number => b.call('Neg', { x }, SHAPE);
    const program = built(2, (b, [x, y]) => [
      times(b, negative(b, x!), negative(b, times(b, y!, number(b, 2)))),
    ]);
    expect(passes(program)).toBe(4);
    expect(kernels(regrouped(program))).toEqual(['Multiply', 'Multiply']);
    const tenth = built(2, (b, [x, y]) => [
      times(b, times(b, x!, number(b, 0.1)), times(b, y!, number(b, 0.1))),
    ]);
    expect(regrouped(tenth).instructions).toEqual(tenth.instructions);
  });

  test('of rows and matrices are left', () => {
    const b = createBuilder();
    const [x, row] = [b.input('c0', SHAPE), b.input('c1', [2])];
    const program = b.finish([{ name: 'f0', value: times(b, times(b, x, row), times(b, x, row)) }]);
    expect(kernels(regrouped(simplify(program)))).toEqual(['Multiply', 'Multiply']);
  });

  test('weighted by s and 1 − s become one of the difference', () => {
    const mix = (
      weights: (b: ProgramBuilder, s: number) => readonly [number, number, ...number[]],
    ): Program =>
      built(3, (b, [x, y, s]) => {
        const [weight, rest, ...others] = weights(b, s!);
        return [b.call('Add', { a: times(b, x!, weight), b: times(b, rest, y!) }, SHAPE), ...others];
      });
    const less = (b: ProgramBuilder, one: number, s: number): number =>
      b.call('Sub', { a: number(b, one), b: s }, SHAPE);
    expect(kernels(regrouped(mix((b, s) => [s, less(b, 1, s)])))).toEqual(['Sub', 'Multiply', 'Add']);
    expect(kernels(regrouped(mix((b, s) => [less(b, 1, s), s])))).toEqual(['Sub', 'Multiply', 'Add']);
    // Another number than 1, and a weight that is wanted besides.
    expect(passes(regrouped(mix((b, s) => [s, less(b, 2, s)])))).toBe(4);
    expect(
      passes(
        regrouped(
          mix((b, s) => {
            const rest = less(b, 1, s);
            return [s, rest, rest];
          }),
        ),
      ),
    ).toBe(4);
  });

  test.each([
    ['softplus', (x: tf.Tensor): tf.Tensor => tf.softplus(x), 3],
    ['tanh', (x: tf.Tensor): tf.Tensor => tf.tanh(x), 3],
  ] as const)('save passes in the gradient of a network’s divergence, with %s', (_, activation, saved) => {
    const weights = [2, 3, 5].map((seed) => tf.variable(tf.randomNormal([2, 2], 0, 1, 'float32', seed)));
    const net = (y: tf.Tensor): tf.Tensor =>
      weights.reduce<tf.Tensor>((x, w, i) => {
        const product = tf.matMul(x, w);
        return i < 2 ? activation(product) : product;
      }, y);
    const f = (_t: tf.Tensor, [y]: readonly tf.Tensor[]): tf.Tensor[] => [tf.grad(net)(y!)];
    const program = flattened(traceGradient({ f, shapes: [SHAPE], parameters: weights }).program);
    expect(passes(program) - passes(regrouped(program))).toBe(saved);
    tf.dispose(weights);
  });
});
