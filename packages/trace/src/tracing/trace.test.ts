import { EngineError } from '@odegrad/core';
import type { FlatField } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';

import { describe as listing, type Program } from '../ir/program.ts';
import { traceField, traceGradient, type TraceRequest } from './trace.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const kernels = (program: Program): string[] => program.instructions.map(({ kernel }) => kernel);
const names = (program: Program): string[] => program.inputs.map(({ name }) => name);
const request = (f: FlatField, more: Partial<TraceRequest> = {}): TraceRequest => ({
  f,
  shapes: [[3, 2]],
  parameters: [],
  ...more,
});

describe('traceField', () => {
  test('records kernels in order, with t as an input', () => {
    const { program } = traceField(request((t, [y]) => [tf.mul(tf.sin(t), tf.tanh(y!))]));
    expect(kernels(program)).toEqual(['Sin', 'Tanh', 'Multiply']);
    expect(names(program)).toEqual(['t', 'y0']);
    expect(program.values[program.outputs[0]!.value]!.shape).toEqual([3, 2]);
  });

  test('computes what depends on nothing, and keeps it as a constant', () => {
    const { program } = traceField(request((_, [y]) => [tf.add(y!, tf.sum(tf.range(0, 4)))]));
    expect(kernels(program)).toEqual(['Add']);
    expect([...program.constants.values()].map((data) => [...data])).toEqual([[6]]);
  });

  test('records kernels that are registered late', () => {
    const double: FlatField = (_, [y]) => [tf.engine().runKernel('OdegradDouble', { x: y! })];
    expect(() => traceField(request(double))).toThrow(
      /Backend 'cpu' of TensorFlow.js has no kernel OdegradDouble/,
    );
    tf.registerKernel({
      kernelName: 'OdegradDouble',
      backendName: 'cpu',
      kernelFunc: ({ inputs }) => tf.mul(inputs['x'] as tf.Tensor, 2),
    });
    expect(kernels(traceField(request(double)).program)).toEqual(['OdegradDouble']);
  });

  test('folds views, merges common subexpressions, drops what is not used', () => {
    const { program } = traceField(
      request((_, [y]) => {
        tf.exp(y!);
        const flat = tf.reshape(tf.reshape(tf.clone(y!), [6]), [2, 3]);
        const back = tf.reshape(flat, [3, 2]);
        return [tf.add(tf.tanh(back), tf.tanh(y!))];
      }),
    );
    expect(kernels(program)).toEqual(['Tanh', 'Add']);
  });

  test('takes variables as inputs, though they share their data', () => {
    const start = tf.fill([3, 2], 2);
    const [a, b, unused] = [tf.variable(start), tf.variable(start, false), tf.variable(start)];
    const f: FlatField = (_, [y]) => [tf.add(tf.mul(y!, a), tf.mul(b, start))];
    const { program, others } = traceField(request(f, { parameters: [a] }));
    expect(names(program)).toEqual(['y0', 'p0', 'v0', 'v1']);
    expect(others).toEqual([b, start]);
    expect([a, b, start].map((x) => x.dataSync()[0])).toEqual([2, 2, 2]);
    expect(program.constants.size).toBe(0);
    tf.dispose([start, a, b, unused]);
  });

  test.each<[string, FlatField, RegExp]>([
    ['reading values', (_, [y]) => (y!.dataSync(), [y!]), /dataSync.*engine: 'tfjs'/s],
    ['branching on t', (t, [y]) => [t.arraySync() > 0 ? y! : tf.neg(y!)], /arraySync.*engine: 'tfjs'/s],
    ['random numbers', (_, [y]) => [tf.add(y!, tf.randomNormal([3, 2]))], /random.*engine: 'tfjs'/s],
    ['dropout', (_, [y]) => [tf.dropout(y!, 0.5)], /random/],
    [
      'multinomial',
      (_, [y]) => [tf.add(y!, tf.cast(tf.sum(tf.multinomial(y as tf.Tensor2D, 3, 7)), 'float32'))],
      /Multinomial/,
    ],
    ['complex numbers', (_, [y]) => [tf.real(tf.fft(tf.complex(y!, y!)))], /complex64/],
    ['another shape', (_, [y]) => [tf.sum(y!)], /shape/],
    ['another type', (_, [y]) => [tf.cast(y!, 'int32')], /int32/],
  ])('refuses %s, and leaves no tensor', (_, f, message) => {
    const before = tf.memory().numTensors;
    const draw = Math.random;
    expect(() => traceField(request(f))).toThrow(EngineError);
    expect(() => traceField(request(f))).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
    expect(Math.random).toBe(draw);
    expect(tf.getBackend()).toBe('cpu');
  });

  test('refuses assignments, and puts the variable back', () => {
    const w = tf.variable(tf.scalar(2));
    const f: FlatField = (_, [y]) => {
      w.assign(tf.scalar(3));
      return [tf.mul(y!, w)];
    };
    expect(() => traceField(request(f))).toThrow(`assigns a variable (${w.name})`);
    expect(w.dataSync()[0]).toBe(2);
    w.dispose();
  });

  test('takes seeded random numbers for the constants that they are', () => {
    const { program } = traceField(
      request((_, [y]) => [tf.add(y!, tf.randomUniform([3, 2], 0, 1, 'float32', 5))]),
    );
    expect(program.constants.size).toBe(1);
  });

  test('hands on errors of f as they are', () => {
    expect(() =>
      traceField(
        request(() => {
          throw new RangeError('mine');
        }),
      ),
    ).toThrow(RangeError);
    expect(tf.add(1, 1).dataSync()[0]).toBe(2);
  });

  test('shapes of kernels without a rule come from running them', () => {
    const { program } = traceField(request((_, [y]) => [tf.einsum('ij,kj->ik', y!, tf.ones([2, 2]))]));
    expect(kernels(program)).toEqual(['Einsum']);
    expect(program.values[program.outputs[0]!.value]!.shape).toEqual([3, 2]);
  });

  test('lists the program', () => {
    const { program } = traceField(request((_, [y]) => [tf.neg(y!)]));
    expect(listing(program)).toMatch(
      /= input y0: float32\[3,2\]\n.*Neg\(x=%\d+\): float32\[3,2\]\noutput f0 =/s,
    );
  });
});

describe('traceGradient', () => {
  test('records the pullback of the cotangent', () => {
    const w = tf.variable(tf.ones([2, 2]));
    const { program } = traceGradient(
      request((t, [y]) => [tf.mul(tf.matMul(y as tf.Tensor2D, w as unknown as tf.Tensor2D), t)], {
        parameters: [w],
      }),
    );
    expect(program.outputs.map(({ name }) => name)).toEqual(['f0', 'gt', 'gy0', 'gp0']);
    expect(names(program).sort()).toEqual(['c0', 'p0', 't', 'y0']);
    w.dispose();
  });

  test('leaves out gradients that are zero', () => {
    const { program } = traceGradient(request((_, [y]) => [tf.onesLike(y!)]));
    expect(program.outputs.map(({ name }) => name)).toEqual(['f0']);
  });

  test('works inside a gradient that somebody else is taking', () => {
    const traced: string[] = [];
    const outer = tf.customGrad((x, save) => {
      (save as (xs: tf.Tensor[]) => void)([x as tf.Tensor]);
      return {
        value: tf.square(x as tf.Tensor),
        gradFunc: (dy, [saved]) => {
          traced.push(...kernels(traceGradient(request((_, [y]) => [tf.tanh(y!)])).program));
          return tf.mul(dy, tf.mul(2, saved!));
        },
      };
    });
    expect(
      tf
        .grad((x) => tf.sum(outer(x)))(tf.tensor1d([3]))
        .dataSync()[0],
    ).toBe(6);
    expect(traced).toContain('Tanh');
  });
});
