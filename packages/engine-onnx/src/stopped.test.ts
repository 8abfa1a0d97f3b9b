import { ArgumentError, createRegistry, SolveError } from '@odegrad/core';
import { odeint, solve, solveAsync, type SolveOptions } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry()
  .use(tableaux)
  .use(adjoint)
  .use(backprop)
  .use(checkpoint)
  .use(symplectic)
  .use(onnx({ threads: 2 }))
  .use(wasm());

type Options = Omit<SolveOptions<tf.Tensor2D>, 'events'>;

let w: tf.Variable;
let y0: tf.Tensor2D;
let before = 0;
beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
  w = tf.variable(
    tf.tensor2d([
      [0.3, -1],
      [1, 0.2],
    ]),
    true,
    'w',
  );
  y0 = tf.tensor2d([
    [1, 0],
    [0.5, -1],
  ]);
});
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.tanh(tf.matMul(y, w));
/** Leaves what floats hold at about t = 1. */
const explosive = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(tf.square(y), tf.sum(tf.abs(w)));

const numbers = (x: tf.Tensor): number[] => [...x.dataSync()];
function near(a: tf.Tensor, b: tf.Tensor, within = 2e-6): void {
  const [x, y] = [numbers(a), numbers(b)];
  expect(x).toHaveLength(y.length);
  x.forEach((value, i) => {
    expect(Math.abs(value - y[i]!)).toBeLessThan(within * (1 + Math.abs(value)));
  });
}

/** So many attempts end between two outputs. */
const attempts = { constant: 13, adaptive: 5 };
const kinds = {
  constant: { solver: 'rk4', stepSize: 1 / 16 },
  adaptive: { solver: 'dopri5', rtol: 1e-6 },
} satisfies Record<string, Options>;

describe.each(['tfjs', 'replay', 'wasm', 'onnx'])('a solve that stops early on engine %s', (engine) => {
  it.each([
    ['symplectic', 'constant'],
    ['backprop', 'constant'],
    ['binomial', 'constant'],
    ['symplectic', 'adaptive'],
    ['backprop', 'adaptive'],
    ['adjoint', 'adaptive'],
  ] as const)('has the gradient of one that was to end there: %s, %s steps', (gradient, kind) => {
    tf.tidy(() => {
      const options: Options = { registry, engine, gradient, ...kinds[kind] };
      const stopped = solve(f, y0, [0, 0.25, 0.5, 2, 3], {
        ...options,
        maxSteps: attempts[kind],
        onFailure: 'return',
      });
      expect(stopped.status).toBe('max-steps');
      expect(stopped.error).toBeInstanceOf(SolveError);
      const { t, y } = stopped.stopped!;
      expect(stopped.error).toMatchObject({ code: 'max-steps', t });
      expect(stopped.ts).toEqual([0, 0.25, 0.5, 2, 3].filter((time) => time <= t));
      expect(stopped.ys.shape).toEqual([stopped.ts.length, 2, 2]);
      const whole = solve(f, y0, [...stopped.ts, t], options);
      expect(whole).toMatchObject({ status: 'end', error: undefined, stopped: undefined });
      near(tf.concat([stopped.ys, tf.expandDims(y)]), whole.ys);
      const cotangents = tf.linspace(-1, 1, 4 * (stopped.ts.length + 1)).reshape([-1, 2, 2]);
      const [outputs, end] = tf.split(cotangents, [stopped.ts.length, 1]) as [tf.Tensor, tf.Tensor];
      // The backward steps of the adjoint are others where an output lies in between.
      const within = gradient === 'adjoint' ? 1e-3 : 1e-5;
      const some = stopped.pullback(outputs, [{ t, cotangent: tf.squeeze(end, [0]) }]);
      const all = whole.pullback(cotangents);
      near(some.y0, all.y0, within);
      near(some.parameters.w!, all.parameters.w!, within);
      const without = [
        stopped.pullback(outputs),
        whole.pullback(tf.concat([outputs, tf.zerosLike(end)])),
      ] as const;
      near(without[0].y0, without[1].y0, within);
      stopped.dispose();
      whole.dispose();
    });
  });

  it.each(['constant', 'adaptive'] as const)('has finite numbers alone, %s steps', (kind) => {
    tf.tidy(() => {
      for (const gradient of ['symplectic', 'backprop']) {
        const solution = solve(explosive, tf.abs(y0), [0, 0.1, 2, 3], {
          registry,
          engine,
          gradient,
          ...kinds[kind],
          onFailure: 'return',
        });
        expect(['non-finite', 'step-underflow']).toContain(solution.status);
        expect(solution.ts).toEqual([0, 0.1]);
        const { t, y } = solution.stopped!;
        const pulled = solution.pullback(undefined, [{ t, cotangent: tf.onesLike(y) }]);
        const { y0: early } = solution.pullback(tf.ones([2, 2, 2]));
        for (const x of [solution.ys, y, early]) expect(numbers(x).every(Number.isFinite)).toBe(true);
        expect(pulled.y0.shape).toEqual([2, 2]);
        solution.dispose();
      }
    });
  });
});

describe('onFailure', () => {
  const stops: Options = { registry, ...kinds.adaptive, maxSteps: 3 };

  it('is to throw unless it is to return', () => {
    for (const options of [stops, { ...stops, onFailure: 'throw' as const }])
      expect(() => solve(f, y0, [0, 3], options)).toThrow(SolveError);
  });

  it('returns the same in turns', async () => {
    const solution = await solveAsync(f, y0, [0, 3], { ...stops, engine: 'wasm', onFailure: 'return' });
    expect(solution).toMatchObject({ status: 'max-steps', ts: [0] });
    const { t, y } = solution.stopped!;
    const gradient = await solution.pullbackAsync(undefined, [{ t, cotangent: y }]);
    expect(gradient.y0.shape).toEqual([2, 2]);
    tf.dispose([gradient.y0, gradient.parameters]);
    solution.dispose();
  });

  it('returns doubles of doubles', () => {
    const g = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(tf.square(y));
    const solution = solve(g, Float64Array.of(1, 2), [0, 0.1, 3], {
      ...stops,
      engine: 'wasm',
      onFailure: 'return',
    });
    const { t, y } = solution.stopped!;
    expect(y.data[0]).toBeCloseTo(1 / (1 + t), 5);
    const { y0: bar } = solution.pullback(undefined, [
      { t, cotangent: { shape: [2], data: Float64Array.of(1, 0) } },
    ]);
    expect(bar.data[0]).toBeCloseTo(1 / (1 + t) ** 2, 4);
    expect(bar.data[1]).toBe(0);
    solution.dispose();
  });

  it('is for solve, and not for what has no place to stop', () => {
    tf.tidy(() => {
      const give = { ...stops, onFailure: 'return' } as const;
      const refused = [
        () => odeint(f, y0, [0, 3], give as never),
        () =>
          solve(
            f,
            y0,
            [
              [0, 1],
              [0, 2],
            ],
            give,
          ),
        () => solve(f, y0, [0, 3], { ...give, saveAt: 'end' }),
        () =>
          solve(f, y0, [0, 3], { registry, saveAt: 'end', events: { zero: { when: (_t, y) => tf.sum(y) } } }),
        () => solve(f, y0, [0, 3], { ...stops, onFailure: 'retrun' as 'return' }),
        () => {
          const solution = solve(f, y0, [0, 3], give);
          try {
            solution.pullback(undefined, [{ t: 2.5, cotangent: tf.zeros([2, 2]) }]);
          } finally {
            solution.dispose();
          }
        },
      ];
      for (const call of refused) expect(call).toThrow(ArgumentError);
    });
  });
});
