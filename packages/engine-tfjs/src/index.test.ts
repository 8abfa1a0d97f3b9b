import * as tf from '@tensorflow/tfjs';
import { createRegistry } from '@odegrad/core';
import { symplectic } from '@odegrad/grad-symplectic';
import { rk4 } from '@odegrad/tableaux';
import { expect, expectTypeOf, it } from 'vitest';
import * as api from './index.ts';
import plugin, { odeint, solve, tfjsEngine, type OdeOptions } from './index.ts';

it('exports what it says', () => {
  expect(Object.keys(api).sort()).toEqual([
    'afresh',
    'checkAlive',
    'checkKernel',
    'chooseBackend',
    'control',
    'default',
    'explained',
    'flatField',
    'isolated',
    'missingKernel',
    'odeint',
    'odeintEvent',
    'record',
    'requireFloat32',
    'smoothGradients',
    'solve',
    'solveAsync',
    'steps',
    'structureOf',
    'tfjsEngine',
  ]);
});

it('is a plugin', () => {
  const registry = createRegistry().use(plugin).use(plugin);
  expect(registry.get('engine', 'tfjs')).toBe(tfjsEngine);
});

it('infers the structure of results from y0', () => {
  const options: OdeOptions = { solver: rk4, gradient: symplectic, engine: tfjsEngine, numSteps: 1 };
  tf.tidy(() => {
    const y = tf.zeros<tf.Rank.R2>([1, 2]);
    const one = odeint(
      (t, x) => (expectTypeOf([t, x]).toEqualTypeOf<(tf.Scalar | tf.Tensor2D)[]>(), x),
      y,
      [0, 1],
      options,
    );
    expectTypeOf(one).toEqualTypeOf<tf.Tensor>();
    const pair = odeint((_, [a, b]) => [b, tf.neg(a)], [y, y], [0, 1], options);
    expectTypeOf(pair).toEqualTypeOf<readonly [tf.Tensor, tf.Tensor]>();
    const spring = (_: tf.Scalar, [a, b]: [tf.Tensor2D, tf.Tensor]): [tf.Tensor, tf.Tensor] => [b, tf.neg(a)];
    odeint(spring, [y, y], [0, 1], options);
    const named = odeint((_, { a, b }) => ({ a: tf.neg(a), b }), { a: y, b: tf.scalar(1) }, [0, 1], options);
    expectTypeOf(named).toEqualTypeOf<{ readonly a: tf.Tensor; readonly b: tf.Tensor }>();
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
    expectTypeOf(odeint(model, y, [0, 1], options)).toEqualTypeOf<tf.Tensor>();
    model.dispose();
    const v = tf.variable(y);
    const solution = solve((_, x) => (expectTypeOf(x).toEqualTypeOf<tf.Tensor2D>(), x), v, [0, 1], options);
    expectTypeOf(solution.ys).toEqualTypeOf<tf.Tensor>();
    solution.dispose();
    v.dispose();
    // @ts-expect-error: f must return what y0 is made of.
    expect(() => odeint((_, [a]) => a, [y, y], [0, 1], options)).toThrow();
  });
});
