import {
  ArgumentError,
  checkTimes,
  createRegistry,
  EngineError,
  forward,
  isFirstSameAsLast,
  pid,
  Registry,
  RegistryError,
  rungeKutta,
  scheduled,
  solutionStages,
  SolveError,
  stepsBetween,
  TableauError,
  verifyTableau,
} from '@odegrad/core';
import { isolated, odeint, record, smoothGradients, solve } from '@odegrad/engine-tfjs';
import adjointPlugin, { adjoint, continuousAdjoint } from '@odegrad/grad-adjoint';
import backpropPlugin, { backprop } from '@odegrad/grad-backprop';
import checkpointPlugin, { auto, binomial, minimalExtraSteps, online } from '@odegrad/grad-checkpoint';
import symplecticPlugin from '@odegrad/grad-symplectic';
import tableaux, { dopri5, rk4 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { onnx, onnxEngine } from './index.ts';

const registry = createRegistry();
for (const plugin of [tableaux, adjointPlugin, backpropPlugin, checkpointPlugin, symplecticPlugin, onnx()])
  registry.use(plugin);

let y0: tf.Tensor1D;
let complex: tf.Tensor;
let dead: tf.Tensor1D;
beforeAll(async () => {
  await tf.setBackend('cpu');
  y0 = tf.tensor1d([1, 2]);
  complex = tf.complex([1], [0]);
  dead = tf.tensor1d([1, 2]);
  dead.dispose();
});
afterAll(() => {
  tf.dispose([y0, complex]);
});

const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);
const TYPES = [ArgumentError, EngineError, RegistryError, SolveError, TableauError];

/** A function of any arguments: what a caller without types sees. */
type Untyped = (...args: unknown[]) => unknown;
const untyped = (g: unknown): Untyped => g as Untyped;

/** The call must throw an error of odegrad whose message has `name`, and leave no tensor. */
function refused(call: () => unknown, name: string | RegExp): void {
  const before = tf.memory().numTensors;
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  if (!TYPES.some((type) => error instanceof type)) {
    throw new Error(`For ${String(name)}: no typed error but ${String(error)}`, { cause: error });
  }
  expect((error as Error).message).toMatch(name);
  expect(tf.memory().numTensors).toBe(before);
}

/** What nobody means. A function, because tensors are made in it late. */
const junk = (): readonly (readonly [string, unknown])[] => [
  ['null', null],
  ['−1', -1],
  ['0', 0],
  ['NaN', NaN],
  ['1.5', 1.5],
  ['Infinity', Infinity],
  ["'5'", '5'],
  ["''", ''],
  ['true', true],
  ['a bigint', 3n],
  ['a symbol', Symbol('x')],
  ['a list', []],
  ['a list of null', [null]],
  ['an object', {}],
  ['a Map', new Map()],
  ['a date', new Date(0)],
  ['a promise', Promise.resolve(1)],
  ['a function', () => 1],
  ['a class', Registry],
  ['a tensor', y0],
  ['doubles', Float64Array.of(1)],
  ['an uncalled factory', binomial],
];

const isOneOf =
  (...names: string[]) =>
  (name: string): boolean =>
    names.includes(name);
const nothing = (): boolean => false;
/** Of these, what is as good as anything: numbers that are positive, and so on. */
const POSITIVE = isOneOf('1.5', 'Infinity');
const FINITE = isOneOf('0', '1.5');
const FUNCTIONS = isOneOf('a function', 'a class', 'an uncalled factory');

/** The options of odeint and solve, and what of the junk each takes. */
const OPTIONS: readonly (readonly [string, (name: string) => boolean])[] = [
  ['solver', nothing],
  ['gradient', nothing],
  ['numSteps', nothing],
  ['stepSize', POSITIVE],
  ['rtol', FINITE],
  ['atol', FINITE],
  ['controller', nothing],
  ['firstStep', POSITIVE],
  ['minStep', FINITE],
  ['maxStep', POSITIVE],
  ['maxSteps', POSITIVE],
  ['maxBytes', POSITIVE],
  ['signal', nothing],
  ['onStep', FUNCTIONS],
  // No parameters are a choice.
  ['params', isOneOf('a list')],
  ['engine', nothing],
  ['dtype', nothing],
  ['registry', nothing],
  ['ledger', nothing],
];

describe.each(['tfjs', 'replay', 'onnx'])('engine %s', (engine) => {
  const calls: readonly (readonly [string, Untyped])[] = [
    ['odeint', untyped(odeint)],
    [
      'odeint on a tape',
      (g, y, ts, options) =>
        isolated(() =>
          tf.grad((_: tf.Tensor) => tf.sum(untyped(odeint)(g, y, ts, options) as tf.Tensor))(y0),
        ),
    ],
    ['solve', untyped(solve)],
  ];

  describe.each(calls)('%s', (_, call) => {
    test.each(OPTIONS)('refuses junk as option %s', (option, isGood) => {
      for (const [name, value] of junk()) {
        if (isGood(name)) continue;
        const options = { registry, engine, [option]: value };
        // A name that is text is looked up, and not found.
        const said = typeof value === 'string' && value !== '' ? new RegExp(`${option}|'5'`) : option;
        refused(() => call(f, y0, [0, 1], options), said);
      }
    });

    test('refuses what is no object of options, and options that there are not', () => {
      for (const [name, value] of junk()) {
        if (name === 'an object') continue;
        refused(() => call(f, y0, [0, 1], value), /option/);
      }
      refused(
        () => call(f, y0, [0, 1], { registry, engine, numstep: 3 }),
        /`numstep`\. Did you mean 'numSteps'/,
      );
      refused(() => call(f, y0, [0, 1], Object.create({ rtoll: 3 })), /`rtoll`\. Did you mean 'rtol'/);
    });

    test('refuses junk for f, y0 and ts', () => {
      const options = { registry, engine };
      for (const [name, value] of junk()) {
        refused(() => call(FUNCTIONS(name) ? () => value : value, y0, [0, 1], options), /^f\b/);
        if (name !== 'a tensor' && name !== 'doubles') refused(() => call(f, value, [0, 1], options), /y0/);
        if (name !== 'a tensor' && name !== 'doubles') refused(() => call(f, y0, value, options), /ts/);
        refused(
          () => call(f, y0, [0, name === '−1' || name === '0' || name === '1.5' ? NaN : value], options),
          /ts\[1\]/,
        );
        refused(() => call(f, [y0, value === y0 ? null : value], [0, 1], options), /y0/);
      }
      refused(() => call(f, complex, [0, 1], options), /complex64.*tf\.real\(z\), tf\.imag\(z\)/);
      refused(() => call(() => complex, y0, [0, 1], options), /complex64.*tf\.real/);
      refused(() => call(f, dead, [0, 1], options), /y0 was disposed/);
      refused(() => call(f, y0, dead, options), /ts.*disposed/);
    });

    test('refuses options that are at odds', () => {
      const odd: readonly (readonly [object, RegExp])[] = [
        [{ maxBytes: 1e6, gradient: 'symplectic' }, /maxBytes.*'symplectic'.*'auto'/],
        [{ maxBytes: 1e6, gradient: backprop }, /maxBytes.*'backprop'/],
        [{ maxBytes: 1e6, gradient: adjoint }, /maxBytes.*'adjoint'/],
        [{ maxBytes: 1e6, gradient: online() }, /maxBytes.*'online'/],
        [{ numSteps: 2, maxStep: 1 }, /maxStep.*numSteps/],
        [{ rtol: 0, atol: 0 }, /rtol.*atol/],
        [{ stepSize: 1e-300 }, /stepSize.*fewer/],
        [{ numSteps: 2 ** 60 }, /numSteps/],
        [{ gradient: binomial }, /gradient.*call it: binomial\(\)/],
        [{ controller: pid }, /controller.*call it: pid\(\)/],
        [{ signal: new AbortController() }, /signal.*Give its `signal`/],
        [{ solver: {} }, /`solver` must be a name or a solver .* or a Butcher tableau/],
        [{ solver: { ...dopri5, b: null } }, /"dopri5": b is null/],
        [
          { controller: { name: 'mine', next: () => ({ accept: true }) } },
          /Controller 'mine'.*factor: undefined/,
        ],
        [{ controller: { name: 'mine', next: () => undefined } }, /Controller 'mine'.*not undefined/],
      ];
      for (const [options, said] of odd)
        refused(() => call(f, y0, [0, 1], { registry, engine, ...options }), said);
    });
  });

  test('a pullback refuses junk for cotangents', () => {
    const solution = solve(f, y0, [0, 1], { registry, engine });
    for (const [name, value] of junk()) {
      refused(
        () => untyped(solution.pullback)(value),
        name === 'a tensor' ? 'shape of the trajectory' : 'cotangents',
      );
    }
    solution.dispose();
    refused(() => untyped(solution.pullback)(tf.ones), /cotangents|released/);
  });

  test('doubles are refused in the name of the engine that has none', () => {
    if (engine === 'onnx') return;
    refused(() => odeint(f, Float64Array.of(1), [0, 1], { registry, engine }), `Engine '${engine}'`);
    refused(() => odeint(f, y0, [0, 1], { registry, engine, dtype: 'float64' }), `Engine '${engine}'`);
  });
});

/** Factories, their options, what of the junk each takes, and options that are at odds. */
const FACTORIES: readonly (readonly [
  string,
  Untyped,
  Readonly<Record<string, (name: string) => boolean>>,
])[] = [
  ['binomial', untyped(binomial), { checkpoints: nothing }],
  ['online', untyped(online), { checkpoints: nothing }],
  ['auto', untyped(auto), { maxBytes: POSITIVE }],
  [
    'pid',
    untyped(pid),
    {
      name: isOneOf("'5'"),
      p: isOneOf('−1', '0', '1.5'),
      i: isOneOf('−1', '0', '1.5'),
      d: isOneOf('−1', '0', '1.5'),
      safety: nothing,
      minFactor: nothing,
      maxFactor: POSITIVE,
    },
  ],
  [
    'continuousAdjoint',
    untyped(continuousAdjoint),
    { solver: nothing, rtol: FINITE, atol: FINITE, stepping: nothing, seminorm: isOneOf('true') },
  ],
  ['onnx', untyped(onnx), { threads: nothing, blocks: nothing, providers: nothing }],
  ['onnx', untyped(onnxEngine), { threads: nothing, blocks: nothing, providers: nothing }],
];

describe.each(FACTORIES)('%s', (called, make, options) => {
  test('refuses what is no object of options', () => {
    for (const [name, value] of junk())
      if (name !== 'an object') refused(() => make(value), new RegExp(`${called}|option`));
  });

  test('refuses junk in options, and options that there are not', () => {
    for (const [option, isGood] of Object.entries(options)) {
      for (const [name, value] of junk()) if (!isGood(name)) refused(() => make({ [option]: value }), option);
      const typo = option.slice(0, -1) + 'z';
      if (!(typo in options))
        refused(() => make({ [typo]: 1 }), new RegExp(`\`${typo}\`.*Options of ${called}`));
      make({ [option]: undefined });
    }
  });
});

describe('other functions', () => {
  test('pid and continuousAdjoint refuse options that are at odds', () => {
    refused(() => pid({ p: 0, i: 0 }), /`p`, `i` and `d`/);
    refused(() => pid({ p: -1 }), /positive/);
    refused(() => pid({ safety: 2 }), /safety/);
    refused(() => continuousAdjoint({ rtol: -1 }), /rtol/);
    refused(() => continuousAdjoint({ rtol: 0, atol: 0 }), /rtol.*atol/);
    refused(() => continuousAdjoint({ rtol: 1e-3, stepping: { numSteps: 3 } }), /rtol.*stepping/);
    refused(() => continuousAdjoint({ stepping: { numSteps: 3, stepSize: 1 } }), /stepping/);
    refused(
      () => solve(f, y0, [0, 1], { registry, gradient: continuousAdjoint({ rtol: 1e-6 }), numSteps: 3 }),
      /rtol.*continuousAdjoint/,
    );
  });

  test('minimalExtraSteps', () => {
    for (const [, value] of [...junk(), ['undefined', undefined] as const]) {
      refused(() => untyped(minimalExtraSteps)(value, 3), '`n`');
      refused(() => untyped(minimalExtraSteps)(10, value), '`c`');
    }
    expect([minimalExtraSteps(1, 1), minimalExtraSteps(10, 3), minimalExtraSteps(4, 1)]).toEqual([0, 6, 3]);
  });

  test('tableaux', () => {
    for (const call of [verifyTableau, rungeKutta, isFirstSameAsLast, solutionStages].map(untyped)) {
      for (const [name, value] of [...junk(), ['undefined', undefined] as const]) {
        refused(() => call(value), /tableau/i);
        for (const key of ['a', 'b', 'c', 'name', 'reference']) {
          if (name === "'5'" && key !== 'a' && key !== 'b' && key !== 'c') continue;
          refused(() => call({ ...rk4, [key]: value }), /Tableau "rk4"|A tableau|has no name|Tableau/);
        }
      }
    }
    for (const [, value] of junk()) refused(() => verifyTableau({ ...rk4, order: value as number }), 'order');
  });

  test('registries', () => {
    const scope = createRegistry();
    const names = scope.names('controller');
    for (const [name, value] of [...junk(), ['undefined', undefined] as const]) {
      refused(() => untyped(scope.use.bind(scope))(value), /plugin/i);
      refused(() => untyped(scope.get.bind(scope))(value, 'pi'), /`kind`/);
      refused(() => untyped(scope.has.bind(scope))(value, 'pi'), /`kind`/);
      refused(() => untyped(scope.names.bind(scope))(value), /`kind`/);
      if (typeof value !== 'string') {
        refused(() => untyped(scope.get.bind(scope))('solver', value), /`name`/);
        refused(() => untyped(scope.has.bind(scope))('solver', value), /`name`/);
      }
      if (value !== undefined) refused(() => new Registry(value as Registry), /`parent`/);
      for (const list of ['tableaux', 'solvers', 'gradients', 'controllers', 'engines']) {
        if (name !== 'undefined' && name !== 'a list')
          refused(
            () => scope.use({ name: 'mine', [list]: value }),
            new RegExp(`Plugin 'mine': \`${list}|tableau`, 'i'),
          );
        refused(
          () => scope.use({ name: 'mine', [list]: [value] }),
          list === 'tableaux' ? /tableau/i : new RegExp(`Plugin 'mine': \`${list}\\[0\\]\` must be`),
        );
      }
      if (name !== "'5'") refused(() => scope.use({ name: value as string }), /`name`/);
    }
    refused(
      () => untyped(scope.use.bind(scope))({ name: 'mine', tableau: [rk4] }),
      /`tableau`\. Did you mean 'tableaux'/,
    );
    refused(() => untyped(scope.use.bind(scope))(onnx), /call it: onnx\(\)/);
    refused(() => untyped(scope.use.bind(scope))({ default: tableaux, rk4 }), /default export/);
    refused(() => scope.use({ name: 'mine', gradients: [binomial as never] }), /call it: binomial\(\)/);
    // Nothing of what was refused is there.
    expect(scope.names('controller')).toEqual(names);
    for (const kind of ['tableau', 'solver', 'gradient', 'engine'] as const)
      expect(scope.names(kind)).toEqual([]);
  });

  test('times, steps and schedules', () => {
    for (const [name, value] of [...junk(), ['undefined', undefined] as const]) {
      if (name !== 'doubles') refused(() => untyped(checkTimes)(value), /`ts|ts\[/);
      if (!FINITE(name) && name !== '−1') {
        refused(() => untyped(stepsBetween)(value, 1, { numSteps: 1 }), '`ta`');
        refused(() => untyped(stepsBetween)(0, value, { numSteps: 1 }), '`tb`');
      }
      refused(() => untyped(stepsBetween)(0, 1, value), /step/);
      refused(() => untyped(scheduled)(value), /scheduled|name|option/);
      refused(
        () => untyped(scheduled)({ name: 'mine', retention: FUNCTIONS(name) ? 1 : value }),
        'retention',
      );
    }
    for (const strategy of [forward, adjoint, backprop, auto()]) {
      for (const [, value] of [...junk(), ['undefined', undefined] as const]) {
        refused(() => untyped(strategy.solve.bind(strategy))(value, value), /problem|field/);
        refused(
          () => untyped(strategy.solve.bind(strategy))({ field: value, y0: [1], ts: [0] }, {}),
          /field/,
        );
      }
    }
  });

  test('what runs a function', () => {
    for (const [name, value] of [...junk(), ['undefined', undefined] as const]) {
      if (FUNCTIONS(name)) continue;
      refused(() => untyped(isolated)(value), '`fn`');
      refused(() => untyped(smoothGradients)(value), '`fn`');
      refused(() => untyped(record)(value), '`f`');
    }
  });
});
