import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { bytesOf, dependents, type Program } from '../ir/program.ts';
import { partition } from './partition.ts';
import { traceGradient } from '../tracing/trace.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const activations = ({ outputs, values }: Program): number[] =>
  outputs.filter(({ name }) => name.startsWith('a')).map(({ value }) => bytesOf(values[value]!, 4));

describe('partition', () => {
  test('keeps one array for each nonlinear layer of a network', () => {
    const width = 16;
    for (const depth of [1, 2, 3, 4]) {
      const weights = Array.from({ length: depth }, () =>
        tf.variable(tf.randomNormal([width, width], 0, 1, 'float32', 3)),
      );
      const { program } = traceGradient({
        f: (_, [y]) => [
          weights.reduce((x, w) => tf.tanh(tf.matMul(x as tf.Tensor2D, w as unknown as tf.Tensor2D)), y!),
        ],
        shapes: [[8, width]],
        parameters: weights,
      });
      // The value of the last layer is an activation as well.
      expect(activations(partition(program, 4).forward)).toEqual(
        Array.from({ length: depth }, () => 8 * width * 4),
      );
      tf.dispose(weights);
    }
  });

  test('keeps what several cheap values are made of, not each of them', () => {
    const weight = tf.variable(tf.randomNormal([16, 16], 0, 1, 'float32', 3));
    // The VJP of tanh(y W) inside f: outside it, both h and 1 − h² are read.
    const f = (y: tf.Tensor): tf.Tensor =>
      tf.tanh(tf.matMul(y as tf.Tensor2D, weight as unknown as tf.Tensor2D));
    const { program } = traceGradient({
      f: (_, [y]) => [tf.grad(f)(y!)],
      shapes: [[8, 16]],
      parameters: [weight],
    });
    // h = tanh(y W) alone: the rest follows from it by products, sums and squares.
    expect(activations(partition(program, 4).forward)).toEqual([8 * 16 * 4]);
    weight.dispose();
  });

  test('the forward half knows no cotangent, the pullback no value that the other gives', () => {
    const { program } = traceGradient({
      f: (t, [y]) => [tf.mul(tf.sin(t), tf.softplus(tf.square(y!)))],
      shapes: [[4]],
      parameters: [],
    });
    const { forward, pullback } = partition(program, 4);
    expect(forward.inputs.map(({ name }) => name).sort()).toEqual(['t', 'y0']);
    expect(forward.outputs.map(({ name }) => name)).toContain('f0');
    expect(pullback.outputs.map(({ name }) => name)).toEqual(['gt', 'gy0']);
    expect(dependents(forward, (name) => name.startsWith('c')).size).toBe(0);
    const kept = new Set(forward.outputs.filter(({ name }) => name.startsWith('a')).map(({ name }) => name));
    for (const { name } of pullback.inputs) expect(/^[tyc]/.test(name) || kept.has(name)).toBe(true);
  });

  test('of several results of a kernel, what is kept is not made again', () => {
    const { program } = traceGradient({
      f: (_, [y]) => {
        const [a, b] = tf.split(tf.tanh(y!), 2, 1) as [tf.Tensor, tf.Tensor];
        return [tf.concat([tf.exp(tf.square(a)), b], 1)];
      },
      shapes: [[5, 6]],
      parameters: [],
    });
    const kernels = ({ instructions }: Program): string[] => instructions.map(({ kernel }) => kernel);
    const { pullback } = partition(program, 4);
    expect(kernels(program)).toContain('Tanh');
    expect(kernels(pullback)).not.toContain('Tanh');
    const made = pullback.instructions.flatMap(({ outputs }) => outputs);
    for (const { value } of pullback.inputs) expect(made).not.toContain(value);
  });

  test('a linear function keeps nothing', () => {
    const { program } = traceGradient({ f: (_, [y]) => [tf.mul(y!, -2)], shapes: [[4]], parameters: [] });
    expect(activations(partition(program, 4).forward)).toEqual([]);
  });

  test('a gradient that needs no cotangent stays in the pullback', () => {
    const { program } = traceGradient({
      f: (_, [y]) => [tf.mul(y!, tf.zerosLike(y!))],
      shapes: [[4]],
      parameters: [],
    });
    const { forward, pullback } = partition(program, 4);
    expect([...forward.outputs, ...pullback.outputs].map(({ name }) => name)).toContain('gy0');
  });
});
