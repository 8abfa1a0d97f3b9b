import { Registry, registry as usual } from '@odegrad/core';
import { odeint, solve } from '@odegrad/engine-tfjs';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint, { auto } from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { onnx } from './onnx.ts';

const makeRegistry = (plugin = onnx()): Registry =>
  new Registry(usual).use(tableaux).use(adjoint).use(backprop).use(checkpoint).use(symplectic).use(plugin);
const registry = makeRegistry();
const strategies = [
  'symplectic',
  'backprop',
  'adjoint',
  'recompute',
  'checkpoint',
  'stages',
  'resolve',
  auto({ maxBytes: 1e6 }),
];

await tf.setBackend('cpu');
afterEach(() => {
  vi.restoreAllMocks();
});

const rk4 = { solver: 'rk4', numSteps: 4 };
const adaptive = { solver: 'dopri5', rtol: 1e-4 };

/** A net on rows; its gradient sums over them. */
function net(): { f: <T extends tf.Tensor>(t: tf.Scalar, y: T) => T; variables: tf.Variable[] } {
  const w = tf.variable(
    tf.tensor2d([
      [0.5, -1],
      [1, 0.25],
    ]),
  );
  const b = tf.variable(tf.tensor1d([0.1, -0.2]));
  return {
    f: <T extends tf.Tensor>(t: tf.Scalar, y: T): T =>
      tf.tanh<T>(tf.add(tf.matMul(y, w as tf.Tensor), tf.add(b, t))),
    variables: [w, b],
  };
}

describe.each(['tfjs', 'replay', 'onnx'])('a batch without rows on engine %s', (engine) => {
  test.each([
    ['constant steps', rk4],
    ['adaptive steps', adaptive],
  ])('has a trajectory without rows and zero gradients: %s', (_, stepping) => {
    const warn = vi.spyOn(console, 'warn');
    for (const gradient of strategies) {
      const { f, variables } = net();
      const y0 = tf.zeros<tf.Rank.R2>([0, 2]);
      const options = { registry, engine, gradient, ...stepping };
      const before = tf.memory().numTensors;
      const ys = odeint(f, y0, [0, 0.5, 1], options);
      expect(ys.shape).toEqual([3, 0, 2]);
      const { value, grads } = tf.variableGrads(() => tf.sum(odeint(f, y0, [0, 0.5, 1], options)), variables);
      expect(value.dataSync()[0]).toBe(0);
      expect(variables.map(({ name }) => [...grads[name]!.dataSync()])).toEqual([
        [0, 0, 0, 0],
        [0, 0],
      ]);
      const solution = solve(f, y0, tf.tensor1d([0, 1]), options);
      const pulled = solution.pullback(tf.zeros([2, 0, 2]));
      expect(pulled.y0.shape).toEqual([0, 2]);
      expect([...pulled.ts!.dataSync()]).toEqual([0, 0]);
      solution.dispose();
      tf.dispose([ys, value, grads, pulled.y0, pulled.parameters, pulled.ts!]);
      // The times and the cotangents.
      expect(tf.memory().numTensors).toBe(before + 2);
      tf.dispose([y0, variables]);
    }
    expect(warn.mock.calls.flat().filter((line) => String(line).includes('ngine'))).toEqual([]);
  });

  test.each(['symplectic', 'backprop', 'adjoint'])(
    'beside a part that has rows changes nothing of it (%s)',
    (gradient) => {
      for (const stepping of [rk4, adaptive]) {
        const { f, variables } = net();
        const full = tf.tensor2d([
          [1, 0.5],
          [-0.3, 2],
        ]);
        const none = tf.zeros<tf.Rank.R2>([0, 2]);
        const options = { registry, engine, gradient, ...stepping };
        // Both parts go through the net as one batch, and the mean of what is empty is in no slope.
        const both = (
          t: tf.Scalar,
          [y, z]: readonly [tf.Tensor2D, tf.Tensor2D],
        ): [tf.Tensor2D, tf.Tensor2D] => {
          const slopes = f(t, tf.concat([y, z]));
          return [tf.slice(slopes, [0, 0], [2, 2]), tf.add(tf.slice(slopes, [2, 0], [0, 2]), tf.sum(z))];
        };
        const alone = tf.variableGrads(() => tf.sum(odeint(f, full, [0, 1], options)), variables);
        const beside = tf.variableGrads(() => {
          const [y, z] = odeint(both, [full, none] as const, [0, 1], options);
          expect(z.shape).toEqual([2, 0, 2]);
          return tf.sum(y);
        }, variables);
        expect(beside.value.dataSync()[0]).toBeCloseTo(alone.value.dataSync()[0]!, 5);
        for (const { name } of variables) {
          const [found, wanted] = [beside.grads[name]!.dataSync(), alone.grads[name]!.dataSync()];
          wanted.forEach((x, i) => {
            expect(found[i]).toBeCloseTo(x, 4);
          });
        }
        tf.dispose([variables, full, none, alone, beside]);
      }
    },
  );

  test('comes after batches with rows, and before', () => {
    const { f, variables } = net();
    const options = { registry, engine, ...rk4 };
    const sizes = [2, 0, 3, 0, 2].map((rows) => {
      const y0 = tf.ones<tf.Rank.R2>([rows, 2]);
      const { value, grads } = tf.variableGrads(() => tf.sum(odeint(f, y0, [0, 1], options)), variables);
      const sum = value.dataSync()[0]!;
      const bias = grads[variables[1]!.name]!.dataSync()[0]!;
      tf.dispose([y0, value, grads]);
      return [sum, bias];
    });
    expect(sizes[1]).toEqual([0, 0]);
    expect(sizes[3]).toEqual([0, 0]);
    expect(sizes[4]).toEqual(sizes[0]);
    expect(sizes[2]![0]! / 3).toBeCloseTo(sizes[0]![0]! / 2, 4);
    expect(sizes[2]![1]! / 3).toBeCloseTo(sizes[0]![1]! / 2, 4);
    tf.dispose(variables);
  });

  test('goes through convolutions', () => {
    const kernel = tf.variable(tf.ones<tf.Rank.R4>([3, 3, 1, 1]));
    const y0 = tf.zeros<tf.Rank.R4>([0, 4, 4, 1]);
    const { value, grads } = tf.variableGrads(
      () =>
        tf.sum(
          odeint((_, y: tf.Tensor4D) => tf.relu(tf.conv2d(y, kernel as tf.Tensor4D, 1, 'same')), y0, [0, 1], {
            registry,
            engine,
            ...rk4,
          }),
        ),
      [kernel],
    );
    expect([...grads[kernel.name]!.dataSync()]).toEqual(new Array(9).fill(0));
    tf.dispose([kernel, y0, value, grads]);
  });
});

describe('a batch without rows in doubles', () => {
  test.each(strategies)('has a trajectory without rows and zero gradients (%s)', (gradient) => {
    for (const stepping of [rk4, { solver: 'dopri8', rtol: 1e-10, atol: 1e-10 }]) {
      const { f, variables } = net();
      const y0 = { shape: [0, 2], data: new Float64Array(0) };
      const options = { registry, engine: 'onnx', gradient, ...stepping };
      expect(odeint(f, y0, [0, 0.5, 1], options)).toEqual({ shape: [3, 0, 2], data: new Float64Array(0) });
      const solution = solve(f, y0, [0, 1], options);
      const { y0: slope, parameters } = solution.pullback({ shape: [2, 0, 2], data: new Float64Array(0) });
      expect(slope).toEqual({ shape: [0, 2], data: new Float64Array(0) });
      expect(variables.map(({ name }) => [...parameters[name]!.data])).toEqual([
        [0, 0, 0, 0],
        [0, 0],
      ]);
      solution.dispose();
      tf.dispose(variables);
    }
  });
});

test.each([{ blocks: 2 }, { threads: 2 }, { blocks: 3, threads: 2 }])(
  'with %o there is nothing to share out',
  (options) => {
    const { f, variables } = net();
    const y0 = tf.zeros<tf.Rank.R2>([0, 2]);
    const own = makeRegistry(onnx(options));
    const { value, grads } = tf.variableGrads(
      () => tf.sum(odeint(f, y0, [0, 1], { registry: own, engine: 'onnx', ...rk4 })),
      variables,
    );
    expect(variables.map(({ name }) => [...grads[name]!.dataSync()])).toEqual([
      [0, 0, 0, 0],
      [0, 0],
    ]);
    tf.dispose([y0, value, grads, variables]);
  },
);
