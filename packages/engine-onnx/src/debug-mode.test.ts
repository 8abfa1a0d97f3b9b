import { EngineError, Registry } from '@odegrad/core';
import { odeint } from '@odegrad/engine-tfjs';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';

import { onnx } from './onnx.ts';
import { traceField } from '@odegrad/trace';

const registry = new Registry().use(tableaux).use(symplectic).use(onnx());
const quiet = (method: 'log' | 'warn'): MockInstance<Console['log']> =>
  vi.spyOn(console, method).mockImplementation(() => undefined);
let log: MockInstance<Console['log']>;
let warn: MockInstance<Console['log']>;

beforeAll(async () => {
  await tf.setBackend('cpu');
});
beforeEach(() => {
  log = quiet('log');
  warn = quiet('warn');
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Kernels get their results looked at after they have run; what fails then fails the test run. */
const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 20));

/** dy/dt = −w tanh(y) and its gradient with respect to w, of a function that is new each time. */
function solveOnce(engine: string): number[] {
  const w = tf.variable(tf.scalar(0.5));
  const y0 = tf.tensor1d([1, 2]);
  const { value, grads } = tf.variableGrads(
    () =>
      tf.sum(
        odeint((_, y: tf.Tensor1D) => tf.neg(tf.mul(w, tf.tanh(y))), y0, [0, 1], {
          registry,
          engine,
          solver: 'rk4',
          numSteps: 3,
        }),
      ),
    [w],
  );
  const numbers = [...value.dataSync(), ...grads[w.name]!.dataSync()];
  tf.dispose([w, y0, value, grads]);
  return numbers;
}

describe.each(['tfjs', 'replay', 'onnx'])('engine %s', (engine) => {
  test.each(['DEBUG', 'PROD', 'CHECK_COMPUTATION_FOR_ERRORS', 'TENSORLIKE_CHECK_SHAPE_CONSISTENCY'])(
    'computes the same where flag %s is set',
    async (flag) => {
      const wanted = solveOnce(engine);
      const before = tf.env().get(flag);
      tf.env().set(flag, true);
      try {
        expect(solveOnce(engine)).toEqual(wanted);
        expect(tf.env().get(flag)).toBe(true);
        await settled();
      } finally {
        tf.env().set(flag, before);
      }
    },
  );

  test('computes the same in tf.profile and tf.time, and is listed without what is only recorded', async () => {
    const wanted = solveOnce(engine);
    let found: number[] = [];
    const profile = await tf.profile(() => {
      found = solveOnce(engine);
      return tf.scalar(0);
    });
    expect(found).toEqual(wanted);
    // Engines that record f have compiled it before, and record it now.
    expect(profile.kernelNames.includes('Tanh')).toBe(engine === 'tfjs');
    await tf.time(() => {
      found = solveOnce(engine);
    });
    expect(found).toEqual(wanted);
    await settled();
  });

  test('a NaN is reported where f runs on TensorFlow.js', async () => {
    tf.env().set('DEBUG', true);
    try {
      const y = tf.tensor1d([-1]);
      const solve = (): unknown =>
        odeint((_, x) => tf.log(x), y, [0, 1], { registry, engine, solver: 'rk4', numSteps: 1 });
      expect(solve).toThrow();
      await settled();
      expect(warn.mock.calls.flat().join()).toMatch(/Found NaN in the result of 'Log'/);
      expect(log).toHaveBeenCalled();
      y.dispose();
    } finally {
      tf.env().set('DEBUG', false);
    }
  });
});

describe('a recording', () => {
  test('puts the profiler and its state back, also after an error', () => {
    const engine = tf.engine() as unknown as { profiler: unknown; state: { profiling: boolean } };
    const { profiler } = engine;
    traceField({ f: (_, [y]) => [tf.neg(y!)], shapes: [[2]], parameters: [] });
    expect(engine.profiler).toBe(profiler);
    engine.state.profiling = true;
    expect(() =>
      traceField({
        f: () => {
          throw new Error('own');
        },
        shapes: [[2]],
        parameters: [],
      }),
    ).toThrow('own');
    expect(engine.profiler).toBe(profiler);
    expect(engine.state.profiling).toBe(true);
    engine.state.profiling = false;
  });

  test.each(['replay', 'onnx'])('refuses values that are asked for without waiting (%s)', async (engine) => {
    const y0 = tf.tensor1d([1]);
    const f = (_: tf.Scalar, y: tf.Tensor1D): tf.Tensor1D => {
      void y.data().then((values) => {
        console.log(values);
      });
      return tf.neg(y);
    };
    expect(() => odeint(f, y0, [0, 1], { registry, engine, solver: 'rk4', numSteps: 1 })).toThrow(
      EngineError,
    );
    expect(() => odeint(f, y0, [0, 1], { registry, engine, solver: 'rk4', numSteps: 1 })).toThrow(
      /reads the values of a tensor.*engine: 'tfjs'/,
    );
    await settled();
    expect(log).not.toHaveBeenCalled();
    y0.dispose();
  });
});
