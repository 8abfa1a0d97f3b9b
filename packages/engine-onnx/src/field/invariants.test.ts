import { createLedger, rungeKutta, type VectorField } from '@odegrad/core';
import type { FlatField } from '@odegrad/engine-tfjs';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import { rk4 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { arrayOf } from '@odegrad/trace';
import { createPool } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from '../runtime/runtime.ts';
import { type FloatData } from '@odegrad/trace';
import { compileProgram } from '../runtime/compile.ts';
import { hoistInvariants } from '@odegrad/trace';
import { onnxEngine } from '../onnx.ts';
import { createPrologues } from './prologue.ts';
import { dependents, type Instruction, type Program } from '@odegrad/trace';
import { traceField, traceGradient } from '@odegrad/trace';
import { prepack } from '../passes/prepack.ts';

let w: tf.Variable;
beforeAll(async () => {
  await tf.setBackend('cpu');
  w = tf.variable(tf.tensor2d([0.3, -0.2, 0.5, 0.7], [2, 2]));
});

/** Made in f, and so a constant of its program. */
const noise = (): tf.Tensor2D => tf.tensor2d([1, -2, 3, 0.5], [2, 2]);
const runtime: Runtime = {
  float: 'float64',
  pool: createPool(),
  providers: ['cpu'],
  threads: 1,
  cores: 1,
};
type Arrays = Readonly<Record<string, OnnxArray>>;

const numbers = (arrays: readonly OnnxArray[]): number[] =>
  arrays.flatMap(({ data }) => Array.from(data, Number));
const kernels = ({ instructions }: Program): string[] => instructions.map(({ kernel }) => kernel);
const inputs = ({ inputs: ports }: Program): string[] => ports.map(({ name }) => name);

function run(program: Program, given: Arrays): Arrays {
  const model = compileProgram(program, runtime);
  for (const name of model.inputs) model.feeds[name] = given[name]!;
  const results = model.run();
  model.release();
  return results;
}

/** Values for a program's inputs, from a fixed sequence. */
const drawn = (program: Program): Arrays =>
  Object.fromEntries(
    program.inputs.map(({ name, value }, k) => {
      const { shape } = program.values[value]!;
      const size = shape.reduce((n, extent) => n * extent, 1);
      const values = Array.from({ length: size }, (_, i) => Math.sin(3 * i + 5 * k + 1));
      return [name, arrayOf(runtime.pool, 'float64', values, shape)];
    }),
  );

const matrix = (x: tf.Tensor): tf.Tensor2D => x as tf.Tensor2D;
/** Of the variables alone: w², noise · w², the halves of e^w. Of the point: the rest. */
const f: FlatField = (t, [y]) => {
  const squares = tf.square(w);
  const [left, right] = tf.split(tf.exp(w), 2, 1);
  const moved = tf.add(tf.matMul(matrix(y!), matrix(squares)), tf.matMul(noise(), matrix(squares)));
  return [tf.mul(tf.tanh(tf.add(moved, tf.mul(left!, right!))), tf.cos(t))];
};

describe('hoistInvariants', () => {
  test('takes out what depends on the variables alone; the two programs give what the one gives', () => {
    const { program } = traceGradient({ f, shapes: [[2, 2]], parameters: [w] });
    const { prologue, rest } = hoistInvariants(program, 'v:');
    const ports = prologue!.outputs.map(({ name }) => name);
    expect(inputs(prologue!)).toEqual(['p0']);
    expect(inputs(rest)).toEqual(expect.arrayContaining(['t', 'y0', 'c0', 'v:0']));
    expect(inputs(rest).filter((name) => name.startsWith('v:'))).toEqual(ports);
    expect(kernels(prologue!)).toEqual(expect.arrayContaining(['Square', 'Exp', 'BatchMatMul']));
    expect(kernels(prologue!)).not.toContain('Tanh');
    const late = dependents(rest, (name) => /^[tyc]/.test(name));
    for (const { kernel, outputs } of rest.instructions)
      expect(kernel === 'Reshape' || outputs.some((output) => late.has(output))).toBe(true);
    const given = drawn(program);
    const [whole, parts] = [run(program, given), run(rest, { ...given, ...run(prologue!, given) })];
    for (const [name, x] of Object.entries(whole)) expect(parts[name]!.data).toEqual(x.data);
  });

  test('leaves a program as it is where there is nothing of the kind, or views alone', () => {
    const plain: FlatField = (_, [y]) => [tf.matMul(matrix(y!), tf.reshape(w, [2, 2]))];
    const row: FlatField = (_, [y]) => [tf.add(y!, tf.reshape(w, [4]))];
    for (const [field, shape] of [
      [plain, [3, 2]],
      [row, [4]],
    ] as const) {
      const { program } = traceField({ f: field, shapes: [shape], parameters: [w] });
      expect(hoistInvariants(program, 'v:')).toEqual({ prologue: undefined, rest: program });
    }
  });

  test('leaves results, which belong to whoever asks', () => {
    const { program } = traceField({ f: () => [tf.square(w)], shapes: [[2, 2]], parameters: [w] });
    expect(hoistInvariants(program, 'v:').prologue).toBeUndefined();
    const both: FlatField = (_, [y]) => [tf.square(w), tf.mul(y!, tf.square(w))];
    const { program: used } = traceField({
      f: both,
      shapes: [
        [2, 2],
        [2, 2],
      ],
      parameters: [w],
    });
    const { prologue, rest } = hoistInvariants(used, 'v:');
    const given = drawn(used);
    const results = run(rest, { ...given, ...run(prologue!, given) });
    expect(numbers([results['f0']!, results['f1']!])).toEqual(
      numbers([run(used, given)['f0']!, run(used, given)['f1']!]),
    );
  });
});

const of = ({ instructions }: Program, kernel: string): Instruction[] =>
  instructions.filter((instruction) => instruction.kernel === kernel);

describe('prepack', () => {
  let wide: tf.Variable;
  let square: tf.Variable;
  beforeAll(() => {
    wide = tf.variable(tf.tensor2d([0.3, -0.2, 0.5, 0.7, 0.1, -0.4], [2, 3]));
    square = tf.variable(tf.tensor2d([0.1, 0.2, -0.3, 0.4], [2, 2]));
  });
  const product = (x: tf.Tensor, y: tf.Tensor, transposeB = false): tf.Tensor =>
    tf.matMul(x, y, false, transposeB);

  /** y and tanh(y) times a wide w, their sum times wᵀ, y times a square one, and a product of the point with itself. */
  const products: FlatField = (_, [y]) => {
    const sum = tf.add(product(y!, wide), product(tf.tanh(y!), wide));
    const narrow = tf.add(product(sum, wide, true), product(y!, square));
    return [tf.add(narrow, product(product(y!, y!, true), y!))];
  };

  const traced = (): Program =>
    traceGradient({ f: products, shapes: [[4, 2]], parameters: [wide, square] }).program;

  test('turns a large factor once, however often it is multiplied by, and nothing else', () => {
    const program = traced();
    const turned = prepack(program, 6);
    const transposed = of(turned, 'Transpose');
    const p0 = program.inputs.find(({ name }) => name === 'p0')!.value;
    expect(transposed.map(({ inputs }) => inputs[0]!.value)).toEqual([p0]);
    const by = (value: number): Instruction[] =>
      of(turned, 'BatchMatMul').filter(({ inputs }) => inputs[1]!.value === value);
    // The two products by w, and the pullback of the one by wᵀ, which multiplies by w again.
    expect(by(transposed[0]!.outputs[0]!)).toHaveLength(3);
    for (const { attrs } of by(transposed[0]!.outputs[0]!)) expect(attrs['transposeB']).toBe(true);
    // What multiplied by wᵀ does so still.
    for (const { attrs } of by(p0)) expect(attrs['transposeB']).toBe(true);
    expect(of(turned, 'BatchMatMul')).toHaveLength(of(program, 'BatchMatMul').length);
  });

  test('gives the same values', () => {
    const program = traced();
    const given = drawn(program);
    const [before, after] = [run(program, given), run(prepack(program, 1), given)];
    for (const [name, { data }] of Object.entries(before)) {
      expect(data.length).toBeGreaterThan(0);
      data.forEach((x, i) => {
        expect(Number(after[name]!.data[i])).toBeCloseTo(Number(x), 13);
      });
    }
  });

  test('is taken out of what runs at each point', () => {
    const { prologue, rest } = hoistInvariants(prepack(traced(), 1), 'v:');
    expect(of(prologue!, 'Transpose')).toHaveLength(2);
    expect(of(rest, 'Transpose')).toEqual([]);
  });

  test('takes what f turned over itself', () => {
    const itself: FlatField = (_, [y]) => [tf.add(product(y!, square), tf.mul(tf.transpose(square), y!))];
    const { program } = traceGradient({ f: itself, shapes: [[2, 2]], parameters: [square] });
    expect(of(prepack(program, 1), 'Transpose')).toHaveLength(of(program, 'Transpose').length);
  });

  test('leaves small factors, and those that come from the point', () => {
    const program = traced();
    expect(prepack(program, 7).instructions).toEqual(program.instructions);
    const self: FlatField = (_, [y]) => [product(y!, tf.mul(y!, square))];
    const { program: late } = traceGradient({ f: self, shapes: [[2, 2]], parameters: [square] });
    expect(prepack(late, 1).instructions).toEqual(late.instructions);
  });
});

describe('prologues', () => {
  test('run once for a solve, when a model first reads them', () => {
    const { program } = traceField({ f, shapes: [[2, 2]], parameters: [w] });
    const prologues = createPrologues(runtime);
    const rest = prologues.without(program, 'v:');
    const p0 = arrayOf(runtime.pool, 'float64', [1, 2, 3, 4], [2, 2]);
    const solve = prologues.solve({ p0 });
    const read = new Set(inputs(rest));
    expect(solve(new Set(['y0']))).toEqual({});
    const first = solve(read);
    expect(Object.keys(first)).toEqual(expect.arrayContaining(['v:0']));
    for (const [name, x] of Object.entries(solve(read))) expect(x).toBe(first[name]);
    (p0.data as FloatData)[0] = 5;
    expect(numbers(Object.values(prologues.solve({ p0 })(read)))).not.toEqual(numbers(Object.values(first)));
  });

  test('share what they make: a value has the name under which it was first wanted', () => {
    const about = { f, shapes: [[2, 2]], parameters: [w] };
    const [{ program }, { program: gradient }] = [traceField(about), traceGradient(about)];
    const prologues = createPrologues(runtime);
    const [first, second] = [prologues.without(program, 'v:f'), prologues.without(gradient, 'v:g')];
    const wanted = inputs(first).filter((name) => name.startsWith('v:'));
    expect(wanted.length).toBeGreaterThan(1);
    expect(inputs(second)).toEqual(expect.arrayContaining(wanted));
    const given = drawn(gradient);
    const solve = prologues.solve(given);
    const made = solve(new Set(inputs(second)));
    expect(made[wanted[0]!]).toBe(solve(new Set(inputs(first)))[wanted[0]!]);
    expect(new Set(inputs(second)).size).toBe(inputs(second).length);
    const [whole, parts] = [run(gradient, given), run(second, { ...given, ...made })];
    for (const [name, x] of Object.entries(whole)) expect(parts[name]!.data).toEqual(x.data);
  });

  test('do not share what other constants or settings make', () => {
    const sum =
      (axis: number, by: () => tf.Tensor): FlatField =>
      (_, [y]) => [tf.mul(y!, tf.sum(tf.mul(w, by()), axis))];
    const prologues = createPrologues(runtime);
    const other = (): tf.Tensor2D => tf.tensor2d([1, -2, 3, 0.25], [2, 2]);
    const names = (
      [
        [0, noise],
        [1, noise],
        [0, other],
        [0, noise],
      ] as const
    ).map(([axis, by], i) => {
      const { program } = traceField({ f: sum(axis, by), shapes: [[2, 2]], parameters: [w] });
      return inputs(prologues.without(program, `v:${i}.`)).filter((name) => name.startsWith('v:'));
    });
    expect(names).toEqual([['v:0.0'], ['v:1.0'], ['v:2.0'], ['v:0.0']]);
  });

  test('are not made for providers to which inputs are copied', () => {
    const { program } = traceField({ f, shapes: [[2, 2]], parameters: [w] });
    const prologues = createPrologues({ ...runtime, providers: ['webgpu', 'cpu'] });
    expect(prologues.without(program, 'v:')).toBe(program);
  });
});

describe('a field with values of its variables alone', () => {
  const opened = (blocks: number): { field: VectorField<OnnxArray>; start: OnnxArray[] } => {
    const engine = onnxEngine({ threads: 1, blocks });
    const y0 = [tf.tensor2d([0.5, -0.4, 0.2, 0.9], [2, 2])];
    const request = { f: inner, key: inner, t0: 0, y0, parameters: [w], dtype: 'float64' } as const;
    const { field, fromTensor } = engine.prepare(request);
    return { field, start: y0.map(fromTensor) };
  };
  const captured = noise();
  /** Rows apart, so that blocks may take them. */
  const inner: FlatField = (t, [y]) => {
    const squares = matrix(tf.square(w));
    return [tf.mul(tf.tanh(tf.add(tf.matMul(matrix(y!), squares), tf.matMul(captured, squares))), tf.cos(t))];
  };
  const gradient = (
    field: VectorField<OnnxArray>,
    start: OnnxArray[],
    strategy: typeof symplectic,
  ): number[] => {
    const solver = rungeKutta(rk4);
    const ledger = createLedger();
    const problem = { field, y0: start, ts: [0, 1] };
    const solution = strategy.solve(problem, { solver, stepping: { numSteps: 3 }, ledger });
    const { y0, parameters } = solution.pullback([undefined, start]);
    const found = numbers([...y0, ...parameters]);
    solution.release();
    return found;
  };

  test.each([symplectic, backprop])(
    'has one gradient, in whole steps, stages and blocks, with $name',
    (strategy) => {
      const { field, start } = opened(1);
      const { compile: _, ...staged } = field;
      const wanted = gradient(staged, start, strategy);
      const inShards = opened(2);
      for (const found of [
        gradient(field, start, strategy),
        gradient(inShards.field, inShards.start, strategy),
      ]) {
        expect(found).toHaveLength(wanted.length);
        found.forEach((x, i) => {
          expect(Math.abs(x - wanted[i]!)).toBeLessThan(1e-14);
        });
      }
    },
  );

  test.each([1, 2])('sees variables that were assigned between solves, with %i block(s)', (blocks) => {
    const value = (): number[] => {
      const { field, start } = opened(blocks);
      return numbers(field.evaluate(0.5, start));
    };
    const before = value();
    const old = w.clone();
    w.assign(tf.tensor2d([0.1, 0.9, -0.6, 0.2], [2, 2]));
    const [wanted] = inner(tf.scalar(0.5), [tf.tensor2d([0.5, -0.4, 0.2, 0.9], [2, 2])]);
    value().forEach((x, i) => {
      expect(x).toBeCloseTo(wanted!.dataSync()[i]!, 6);
    });
    w.assign(old);
    expect(value()).toEqual(before);
  });
});
