import * as tf from '@tensorflow/tfjs';
import {
  ArgumentError,
  createRegistry,
  integral,
  pid,
  RegistryError,
  TableauError,
  type ButcherTableau,
} from '@odegrad/core';
import symplectic, { symplectic as strategy } from '@odegrad/grad-symplectic';
import tableaux, { dopri5, rk4 } from '@odegrad/tableaux';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { odeint } from './odeint.ts';
import type { OdeOptions } from './options.ts';
import { resolveOptions } from './resolve-options.ts';
import { structureOf } from './structure.ts';
import { isolated } from '../tape/tape.ts';
import { tfjsEngine } from '../eager/tfjs-engine.ts';

const registry = createRegistry().use(tableaux).use(symplectic);
const numbers = (x: tf.Tensor): number[] => [...x.dataSync()];

let before = 0;
let y0: tf.Tensor1D;
beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
});
beforeEach(() => {
  before = tf.memory().numTensors;
  y0 = tf.tensor1d([1, 2]);
});
afterEach(() => {
  expect(numbers(y0)).toEqual([1, 2]);
  y0.dispose();
  expect(tf.memory().numTensors).toBe(before);
});
const decay = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);

/** The call, on a tape and off it, must be refused, and leave nothing. */
function refused(
  call: () => tf.Tensor,
  error: new (...args: never[]) => Error,
  message: string | RegExp,
): void {
  const made = tf.memory().numTensors;
  for (const go of [call, () => isolated(() => tf.grad((_: tf.Tensor) => tf.sum(call()))(y0))]) {
    expect(go).toThrow(error);
    expect(go).toThrow(message);
    expect(tf.memory().numTensors).toBe(made);
  }
}

describe('names and values are interchangeable', () => {
  it('in solver, gradient, controller and engine', () => {
    const solve = (options: OdeOptions): number[] =>
      tf.tidy(() => numbers(tf.grad((y) => tf.sum(odeint(decay, y, [0, 1], { registry, ...options })))(y0)));
    expect(solve({ solver: dopri5, gradient: strategy, controller: 'pi', engine: tfjsEngine })).toEqual(
      solve({}),
    );
    expect(solve({ solver: registry.get('solver', 'tsit5') })).toEqual(solve({ solver: 'tsit5' }));
    expect(solve({ controller: integral })).toEqual(solve({ controller: 'integral' }));
    expect(solve({ controller: integral })).not.toEqual(solve({ controller: pid({ safety: 0.5 }) }));
    expect(solve({ engine: 'tfjs' })).toEqual(solve({}));
  });

  it('and the defaults are those that are documented', () => {
    const { method, gradient, engine, params, dtype } = resolveOptions({ registry }, structureOf(y0));
    expect(method.solver.name).toBe('dopri5');
    expect(method.stepping).toEqual({ rtol: 1e-3, atol: 1e-6, controller: registry.get('controller', 'pi') });
    expect(gradient().name).toBe('symplectic');
    expect([engine, params, dtype]).toEqual([tfjsEngine, undefined, 'float32']);
  });

  it('and an engine of the registry goes before the one built in', () => {
    const other = { ...tfjsEngine };
    const own = createRegistry()
      .use(tableaux)
      .use({ name: 'other', engines: [other] });
    expect(resolveOptions({ registry: own }, structureOf(y0)).engine).toBe(other);
  });

  it('and tableaux that are alike are one solver, those that differ are not', () => {
    const solverOf = (solver: ButcherTableau): unknown =>
      resolveOptions({ registry, solver, numSteps: 1 }, structureOf(y0)).method.solver;
    expect(solverOf({ ...rk4 })).toBe(solverOf({ ...rk4 }));
    expect(solverOf({ ...rk4, name: 'other' })).not.toBe(solverOf({ ...rk4 }));
    expect(solverOf({ ...rk4, order: 3 })).not.toBe(solverOf({ ...rk4 }));
  });

  it('and options that are undefined are absent', () => {
    const options = Object.fromEntries(
      ['solver', 'rtol', 'numSteps', 'signal', 'params'].map((k) => [k, undefined]),
    );
    expect(resolveOptions({ registry, ...options }, structureOf(y0)).method).toEqual(
      resolveOptions({ registry }, structureOf(y0)).method,
    );
  });

  it('but the default gradient need not be installed where none is asked for', () => {
    const bare = createRegistry().use(tableaux);
    odeint(decay, y0, [0, 1], { registry: bare }).dispose();
    expect(() => tf.grad((y: tf.Tensor) => tf.sum(odeint(decay, y, [0, 1], { registry: bare })))(y0)).toThrow(
      /No gradient 'symplectic'.*@odegrad\/grad-symplectic/,
    );
  });
});

describe('options that make no sense are refused', () => {
  it.each<[string, OdeOptions & Record<string, unknown>, new (...args: never[]) => Error, string | RegExp]>([
    [
      'an unknown option',
      { solvr: 'rk4' },
      ArgumentError,
      "There is no option `solvr`. Did you mean 'solver'?",
    ],
    ['another one', { step_size: 1 }, ArgumentError, "Did you mean 'stepSize'?"],
    [
      'an unknown solver',
      { solver: 'dopri6' },
      RegistryError,
      /No solver 'dopri6'\. Did you mean 'dopri5'\?/,
    ],
    ['an unknown gradient', { gradient: 'symplektic' }, RegistryError, "Did you mean 'symplectic'?"],
    ['an unknown controller', { controller: 'pd' }, RegistryError, "No controller 'pd'"],
    ['an unknown engine', { engine: 'onnx' }, RegistryError, '@odegrad/engine-onnx'],
    [
      'an engine without tensors',
      { engine: { name: 'abacus' } },
      ArgumentError,
      "Engine 'abacus' does not run",
    ],
    ['a precision that is not there', { dtype: 'float64' }, ArgumentError, /engine: 'onnx'/],
    ['no precision', { dtype: 'float16' as 'float32' }, ArgumentError, "not 'float16'"],
    ['a fixed solver without steps', { solver: 'rk4' }, ArgumentError, /Give `numSteps`.*or `stepSize`/],
    ['two ways to fix the steps', { numSteps: 2, stepSize: 0.1 }, ArgumentError, 'give one of them'],
    [
      'fixed steps with tolerances',
      { numSteps: 2, rtol: 1e-3 },
      ArgumentError,
      '`rtol` is for adaptive steps, but `numSteps`',
    ],
    [
      'fixed steps with a first one',
      { stepSize: 0.2, firstStep: 1 },
      ArgumentError,
      '`firstStep` is for adaptive steps, but `stepSize`',
    ],
    ['half a step', { numSteps: 1.5 }, ArgumentError, 'positive integer'],
    ['no steps', { numSteps: 0 }, ArgumentError, 'positive integer'],
    ['steps backward', { stepSize: -0.1 }, ArgumentError, '`stepSize` must be positive'],
    ['a step that is no number', { stepSize: NaN }, ArgumentError, '`stepSize` must be positive'],
    [
      'a string for a number',
      { rtol: '1e-3' as unknown as number },
      ArgumentError,
      "`rtol` must be a number, not '1e-3'",
    ],
    ['negative tolerances', { rtol: -1 }, ArgumentError, '`rtol` must be ≥ 0'],
    ['no tolerance at all', { rtol: 0, atol: 0 }, ArgumentError, 'no step could be accepted'],
    ['no attempts', { maxSteps: 0 }, ArgumentError, '`maxSteps` must be positive'],
    [
      'a wrong tableau',
      { solver: { ...rk4, b: [1, 0, 0, 0] }, numSteps: 1 },
      TableauError,
      'Tableau "rk4": claims order 4',
    ],
    ['params that are no list', { params: {} as [] }, ArgumentError, '`params` must be an array'],
  ])('%s', (_, options, error, message) => {
    refused(() => odeint(decay, y0, [0, 1], { registry, ...options }), error, message);
  });

  it('params that are no variables, dead, or named twice', () => {
    const v = tf.tidy(() => tf.variable(tf.scalar(1)));
    const dead = tf.tidy(() => tf.variable(tf.scalar(1)));
    dead.dispose();
    const go = (params: unknown[]) => (): tf.Tensor =>
      odeint(decay, y0, [0, 1], { registry, params: params as tf.Variable[] });
    refused(go([v, y0]), ArgumentError, '`params[1]` must be a tf.Variable, not a tensor');
    refused(go([dead]), ArgumentError, 'was disposed before');
    refused(go([v, v]), ArgumentError, 'is twice in `params`');
    v.dispose();
  });
});

describe('arguments that make no sense are refused', () => {
  const go =
    (f: unknown, y: unknown, ts: unknown): (() => tf.Tensor) =>
    () =>
      odeint(f as typeof decay, y as tf.Tensor, ts as number[], { registry });

  it.each<[string, unknown, string | RegExp]>([
    ['none', [], 'needs at least one time'],
    ['times that turn back', [0, 1, 0.5], /increasing or decreasing.*ts\[1\] = 1 and ts\[2\] = 0.5/],
    ['times that come back', [0, 1, 0], 'Sort the times'],
    ['NaN', [0, NaN], '`ts[1]` is NaN'],
    ['infinity', [0, Infinity], '`ts[1]` is Infinity'],
    ['strings', ['0', '1'], "`ts[0]` must be a number, not '0'"],
    ['a number', 1, '`ts` must be an array of numbers or a 1-D tensor, not 1'],
    ['nothing', undefined, 'not undefined'],
  ])('ts: %s', (_, ts, message) => {
    refused(go(decay, y0, ts), ArgumentError, message);
  });

  it('ts: tensors that are no list of times', () => {
    const [matrix, integers, dead] = [tf.zeros([2, 1, 1]), tf.tensor1d([0, 1], 'int32'), tf.tensor1d([0, 1])];
    dead.dispose();
    refused(go(decay, y0, matrix), ArgumentError, 'not a tensor of rank 3');
    refused(go(decay, y0, integers), ArgumentError, 'dtype int32');
    refused(go(decay, y0, dead), ArgumentError, '`ts` was disposed before');
    tf.dispose([matrix, integers]);
  });

  it('y0: what is no state', () => {
    for (const [y, message] of [
      [undefined, 'not undefined'],
      [3, 'y0 must be a tensor, or an array or a record of tensors, not 3'],
      [[1, 2], 'y0[0] must be a tensor, not 1'],
      [{ a: [1] }, 'y0.a must be a tensor, not an array of 1'],
      [[], 'y0 has no tensors'],
      [{}, 'y0 has no tensors'],
    ] as const) {
      refused(go(decay, y, [0, 1]), ArgumentError, message);
    }
  });

  it('y0: tensors that cannot be solved for', () => {
    const made = [tf.tensor1d([1, 2], 'int32'), tf.tensor1d([1, NaN]), tf.tensor1d([-Infinity, 1])];
    refused(go(decay, made[0], [0, 1]), ArgumentError, 'y0 is of dtype int32');
    refused(go(decay, [y0, made[1]], [0, 1]), ArgumentError, 'y0[1] has entries that are NaN');
    refused(go(decay, { a: made[2] }, [0, 1]), ArgumentError, 'y0.a has entries that are NaN or infinite');
    const dead = tf.scalar(1);
    dead.dispose();
    refused(go(decay, dead, [0, 1]), ArgumentError, 'y0 was disposed before');
    tf.dispose(made);
  });

  it('f: what is no function, or returns what is no slope', () => {
    refused(
      go('decay', y0, [0, 1]),
      ArgumentError,
      "f must be a function (t, y) => dy/dt or a tf.layers model, not 'decay'",
    );
    refused(
      go(() => undefined, y0, [0, 1]),
      ArgumentError,
      'f(t, y) must be a tensor, not undefined',
    );
    refused(
      go(() => tf.scalar(1), y0, [0, 1]),
      ArgumentError,
      'f(t, y) has the shape [], but y0 has [2]',
    );
    refused(
      go((_: tf.Scalar, y: tf.Tensor) => tf.cast(y, 'bool'), y0, [0, 1]),
      ArgumentError,
      'dtype bool',
    );
    refused(
      go(async (_: tf.Scalar, y: tf.Tensor) => tf.neg(y), y0, [0, 1]),
      ArgumentError,
      'f cannot be async',
    );
    const wide = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [2] })] });
    const batch = tf.ones([1, 2]);
    refused(go(wide, batch, [0, 1]), ArgumentError, 'f(t, y) has the shape [1, 3], but y0 has [1, 2]');
    wide.dispose();
    batch.dispose();
  });
});

describe('tolerances below float32', () => {
  it('warn once, with a better one', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    for (let i = 0; i < 2; i++) {
      odeint(decay, y0, [0, 0.01], { registry, rtol: 1e-9 }).dispose();
      odeint(decay, y0, [0, 0.01], { registry, rtol: 2e-6 }).dispose();
      odeint(decay, y0, [0, 0.01], { registry, rtol: 0, atol: 1e-3 }).dispose();
    }
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/rtol = 1e-9 is below .*rtol ≥ 1e-6/)]]);
    warn.mockRestore();
  });
});

it('says what is missing where TensorFlow.js has no gradients, as tfjs-core alone', () => {
  const add = tf.getGradient('Add');
  tf.unregisterGradient('Add');
  try {
    expect(() => tf.grad((y: tf.Tensor) => tf.sum(odeint(decay, y, [0, 1], { registry })))(y0)).toThrow(
      /no gradients registered.*'@tensorflow\/tfjs'/,
    );
    // None is needed to solve.
    odeint(decay, y0, [0, 1], { registry }).dispose();
  } finally {
    tf.registerGradient(add);
  }
});
