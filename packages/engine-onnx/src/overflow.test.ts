import { createLedger, createRegistry, SolveError } from '@odegrad/core';
import { odeint, type OdeOptions } from '@odegrad/engine-tfjs';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { onnx } from './index.ts';

const registry = createRegistry().use(tableaux).use(onnx());
beforeAll(() => tf.setBackend('cpu'));

let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

/** The error of a solve from ones, and the attempts that it took. */
function failure(
  f: (t: tf.Scalar, y: tf.Tensor) => tf.Tensor,
  ts: number[],
  options: OdeOptions,
): { error: unknown; attempts: number } {
  const ledger = createLedger();
  const y0 = tf.ones([2]);
  try {
    odeint(f, y0, ts, { registry, ledger, ...options }).dispose();
    throw new Error('It was solved.');
  } catch (error) {
    return { error, attempts: ledger.accepted + ledger.rejected };
  } finally {
    y0.dispose();
  }
}

describe.each(['tfjs', 'replay', 'onnx'])('engine %s', (engine) => {
  // y₀ grows until float32 ends, at ln(3.4e38 / 30) / 30 = 2.84; y₁ = 1 + t goes on.
  const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor =>
    tf.concat([tf.mul(30, tf.relu(tf.slice(y, [0], [1]))), tf.ones([1])]);

  test.each<[string, OdeOptions]>([
    ['the defaults', {}],
    ['a small tolerance', { rtol: 1e-5 }],
    ['another solver', { solver: 'bosh3' }],
    ['another controller', { controller: 'integral' }],
  ])('a state that outgrows float32 is `non-finite` soon with %s', (_, options) => {
    const { error, attempts } = failure(f, [0, 5], { engine, ...options });
    expect(error).toBeInstanceOf(SolveError);
    expect(error).toMatchObject({ code: 'non-finite' });
    expect((error as SolveError).t).toBeCloseTo(2.84, 1);
    expect(attempts).toBeLessThan(options.solver ? 4000 : 1500);
  });

  test('and with constant steps, long before the output time', () => {
    const { error } = failure(f, [0, 500], { engine, solver: 'rk4', stepSize: 0.02 });
    expect(error).toMatchObject({ code: 'non-finite' });
    expect((error as SolveError).t).toBeLessThan(4.2);
  });
});
