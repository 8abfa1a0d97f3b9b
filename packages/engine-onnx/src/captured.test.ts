import { createRegistry } from '@odegrad/core';
import { odeint, solve, type OdeOptions } from '@odegrad/engine-tfjs';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { Draws } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, test } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry().use(tableaux).use(symplectic).use(backprop).use(checkpoint).use(onnx());
const ENGINES = ['tfjs', 'replay', 'onnx'] as const;
const STRATEGIES = ['symplectic', 'backprop', 'recompute', 'stages'] as const;

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

type Field = (t: tf.Scalar, y: tf.Tensor) => tf.Tensor;

const STEPS = 2;

/** The midpoint rule written out, whose gradient is TensorFlow.js' own. */
function unrolled(f: Field, y0: tf.Tensor, t0: number, t1: number): tf.Tensor {
  const h = (t1 - t0) / STEPS;
  let y = y0;
  for (let n = 0; n < STEPS; n++) {
    const t = t0 + n * h;
    const half = tf.add(y, tf.mul(h / 2, f(tf.scalar(t), y)));
    y = tf.add(y, tf.mul(h, f(tf.scalar(t + h / 2), half)));
  }
  return y;
}

function solved(f: Field, y0: tf.Tensor, engine: string, gradient: string, more: OdeOptions = {}): tf.Tensor {
  const options = { registry, engine, gradient, solver: 'midpoint', numSteps: STEPS, ...more } as const;
  return tf.gather(odeint(f, y0, [0, 0.5], options), 1);
}

const numbers = (x: tf.Tensor): number[] => [...x.dataSync()];

/** Equal to so many units in the last place of float32, relative to the largest entry. */
function expectNear(found: readonly number[], wanted: readonly number[], label: string, units = 200): void {
  expect(found.length, label).toBe(wanted.length);
  const scale = Math.max(1, ...wanted.map(Math.abs));
  found.forEach((x, i) => {
    expect(Math.abs(x - wanted[i]!) / scale, `${label}, entry ${i}: ${x}, not ${wanted[i]}`).toBeLessThan(
      units * 2 ** -24,
    );
  });
}

describe.each(ENGINES)('engine %s', (engine) => {
  it.each(STRATEGIES)(
    'gives captured tensors their gradient, whatever they come from, with %s',
    (strategy) => {
      const [w, scale] = [tf.variable(tf.tensor1d([0.3, -0.2])), tf.variable(tf.scalar(2), false)];
      const [x, y0] = [tf.tensor1d([0.4, 0.7]), tf.tensor1d([1, 0.5])];
      const before = tf.memory().numTensors;
      /** From w; from what the gradient is taken for; from neither; and what it is taken for, as it is. */
      const loss = (integrate: (f: Field, y: tf.Tensor) => tf.Tensor) => (z: tf.Tensor, start: tf.Tensor) => {
        const fromVariable = tf.div(w, tf.norm(w));
        const fromInput = tf.square(z);
        const fixed = tf.tensor1d([0.1, 0.2]);
        const f: Field = (t, y) =>
          tf.add(
            tf.mul(tf.tanh(tf.mul(y, fromVariable)), tf.mul(fromInput, scale)),
            tf.mul(tf.mul(z, fixed), tf.add(t, start)),
          );
        return tf.sum(tf.square(integrate(f, start)));
      };
      const ours = loss((f, y) => solved(f, y, engine, strategy));
      const plain = loss((f, y) => unrolled(f, y, 0, 0.5));
      for (let again = 0; again < 2; again++) {
        const [found, wanted] = [tf.grads(ours)([x, y0]), tf.grads(plain)([x, y0])];
        found.forEach((g, i) => {
          expectNear(numbers(g), numbers(wanted[i]!), `input ${i}`);
        });
        const [mine, theirs] = [ours, plain].map((f) => tf.variableGrads(() => f(x, y0) as tf.Scalar, [w]));
        expectNear(numbers(mine!.grads[w.name]!), numbers(theirs!.grads[w.name]!), 'variable');
        tf.dispose([found, wanted, mine!, theirs!] as tf.TensorContainer);
      }
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose([w, scale, x, y0]);
    },
  );

  it('goes by the values that f read when the solve began', () => {
    const run = (assign: boolean): number[] => {
      const [w, u] = [tf.variable(tf.scalar(0.5)), tf.variable(tf.scalar(2), false)];
      const captured = tf.scalar(3);
      const f: Field = (_, y) => tf.mul(tf.tanh(tf.mul(y, w)), tf.mul(u, captured));
      const solution = solve(f, tf.ones([2]), [0, 0.5], {
        registry,
        engine,
        gradient: 'symplectic',
        solver: 'rk4',
        numSteps: 3,
      });
      if (assign) {
        w.assign(tf.scalar(-7));
        u.assign(tf.scalar(5));
        captured.dispose();
      }
      const { y0, parameters } = solution.pullback(tf.ones([2, 2]));
      if (assign) expect([w, u].map((v) => v.dataSync()[0])).toEqual([-7, 5]);
      const found = [y0, parameters[w.name]!].flatMap(numbers);
      solution.dispose();
      tf.dispose([w, u, captured, y0, parameters]);
      return found;
    };
    const tidied = (assign: boolean): number[] => tf.tidy(() => run(assign) as never);
    const wanted = tidied(false);
    const { numTensors, numDataBuffers } = tf.memory();
    expect(tidied(true)).toEqual(wanted);
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  });

  it('names a captured tensor that was disposed of', () => {
    const dead = tf.ones([2, 3]);
    const f: Field = (_, y) => tf.mul(y, tf.sum(dead));
    const y0 = tf.ones([2]);
    tf.dispose(odeint(f, y0, [0, 1], { registry, engine }));
    dead.dispose();
    if (engine !== 'tfjs') expect(() => odeint(f, y0, [0, 1], { registry, engine })).toThrow('[2, 3]');
    y0.dispose();
  });
});

test('a captured tensor that f reads at some times alone is refused where its gradient would be lost', () => {
  const [c, y0] = [tf.scalar(2), tf.ones([2])];
  const f: Field = (t, y) => (t.dataSync()[0]! > 0.2 ? tf.mul(y, c) : tf.neg(y));
  const loss = (_: tf.Tensor, start: tf.Tensor): tf.Scalar => tf.sum(solved(f, start, 'tfjs', 'symplectic'));
  const before = tf.memory().numTensors;
  expect(() => tf.grads(loss)([c, y0])).toThrow(/from outside.*Its gradient would be lost.*tf\.variable/s);
  expect(tf.memory().numTensors).toBe(before);
  // A constant that says that it is one, and a solve without a gradient.
  const constant = tf.variable(c, false);
  const g: Field = (t, y) => (t.dataSync()[0]! > 0.2 ? tf.mul(y, constant) : tf.neg(y));
  const [gradient] = tf.grads((start: tf.Tensor) => tf.sum(solved(g, start, 'tfjs', 'symplectic')))([y0]);
  const wanted = tf.grad((start: tf.Tensor) => tf.sum(unrolled(g, start, 0, 0.5)))(y0);
  expectNear(numbers(gradient!), numbers(wanted), 'gradient');
  tf.dispose(solved(f, y0, 'tfjs', 'symplectic'));
  tf.dispose([c, y0, constant, gradient!, wanted]);
});

const SIZE = 3;

/** Where f finds what it reads from outside, by name; the same f finds another there the next time. */
type Outside = Record<string, tf.Tensor>;

/** What one use of a function is: variables, and tensors of the loss. */
interface Use {
  readonly variables: readonly tf.Variable[];
  readonly x: tf.Tensor;
  /** Sets what f reads, within the loss. */
  arrange(x: tf.Tensor): void;
  dispose(): void;
}

interface Sample {
  readonly f: Field;
  readonly label: string;
  use(): Use;
}

/** A function of operands from everywhere, and uses of it with ever other operands. */
function sample(seed: number): Sample {
  const draws = new Draws(seed);
  const draw = (): number => draws.uniform(0, 1);
  const values = (n: number): number[] => Array.from({ length: n }, () => 1.6 * draw() - 0.8);
  const outside: Outside = {};
  const kinds = ['trainable', 'frozen', 'normalised', 'encoded', 'input', 'data', 'made', 'shared'] as const;
  const operands = Array.from({ length: 2 + Math.floor(draw() * 4) }, (_, i) => ({
    name: `${i}`,
    kind: kinds[Math.floor(draw() * kinds.length)]!,
    matrix: draw() < 0.4,
    how: Math.floor(draw() * 4),
  }));
  const f: Field = (t, y) =>
    operands.reduce((h, { name, matrix, how }) => {
      const x = outside[name]!;
      const square = matrix ? tf.matMul(tf.reshape(h, [1, SIZE]), tf.reshape(x, [SIZE, SIZE])) : tf.mul(h, x);
      const flat = tf.reshape(square, [SIZE]);
      return [
        (): tf.Tensor => tf.tanh(flat),
        (): tf.Tensor => tf.add(tf.sin(flat), tf.mul(t, y)),
        (): tf.Tensor => tf.mul(flat, 0.7),
        (): tf.Tensor => tf.sub(flat, tf.square(tf.tanh(h))),
      ][how]!();
    }, y);
  return {
    f,
    label: `${seed}: ${operands.map(({ kind, how }) => `${kind}${how}`).join(' → ')}`,
    use() {
      const held: tf.Tensor[] = [];
      const variables: tf.Variable[] = [];
      const x = tf.tensor1d(values(SIZE * SIZE));
      const arrangements = operands.map(({ name, kind, matrix }): ((x: tf.Tensor) => void) => {
        const size = matrix ? SIZE * SIZE : SIZE;
        const start = tf.tensor1d(values(size));
        const variable = (trainable: boolean): tf.Variable => {
          const v = tf.variable(start, trainable);
          held.push(v);
          if (trainable) variables.push(v);
          return v;
        };
        const set = (make: (x: tf.Tensor) => tf.Tensor) => (given: tf.Tensor) => {
          outside[name] = make(given);
        };
        const part = (given: tf.Tensor): tf.Tensor => tf.slice(given, 0, size);
        held.push(start);
        switch (kind) {
          case 'trainable':
          case 'frozen': {
            const v = variable(kind === 'trainable');
            return set(() => v);
          }
          case 'normalised': {
            const v = variable(true);
            return set(() => tf.div(v, tf.add(1, tf.norm(v))));
          }
          case 'encoded':
            return set((given) => tf.tanh(part(given)));
          case 'input':
            return set((given) => (matrix ? given : part(given)));
          case 'data':
            return set(() => start);
          case 'made': {
            const made = values(size);
            return set(() => tf.tensor1d(made));
          }
          case 'shared': {
            const v = variable(false);
            // Two tensors of the same data with gradients of their own.
            return set((given) => tf.mul(tf.clone(v), part(given)));
          }
        }
      });
      return {
        variables,
        x,
        arrange(given) {
          for (const arrange of arrangements) arrange(given);
        },
        dispose() {
          tf.dispose([x, ...held]);
        },
      };
    },
  };
}

const ALL = 500;
const COUNT = process.env['ODEGRAD_ALL'] ? ALL : 40;
const PER_TEST = 20;
const USES = 3;

describe('random functions of captured tensors and of variables that are replaced', () => {
  test.each(Array.from({ length: COUNT / PER_TEST }, (_, k) => k * PER_TEST))(
    'have the value and gradient of eager TensorFlow.js on every engine, from number %i',
    (from) => {
      for (let seed = from; seed < from + PER_TEST; seed++) {
        const { f, label, use } = sample(seed);
        const strategy = STRATEGIES[seed % STRATEGIES.length]!;
        for (let round = 0; round < USES; round++) {
          const { variables, x, arrange, dispose } = use();
          const y0 = tf.tensor1d([0.5, -0.3, 0.8]);
          /** Value, gradients of the variables, of y0 and of the loss' own input. */
          const run = (integrate: (f: Field, y: tf.Tensor) => tf.Tensor): number[][] => {
            const loss = (given: tf.Tensor, start: tf.Tensor): tf.Scalar => {
              arrange(given);
              // Whatever f makes of its input, the loss depends on it.
              return tf.add(tf.sum(tf.square(integrate(f, start))), tf.mul(0.1, tf.sum(given)));
            };
            const { value, grads } = tf.valueAndGrads(loss)([x, y0]);
            const own =
              variables.length === 0
                ? {}
                : (tf.variableGrads(() => loss(x, y0), [...variables]).grads as Record<
                    string,
                    tf.Tensor | null
                  >);
            const result = [numbers(value), ...grads.map(numbers)];
            for (const g of Object.values(own)) result.push(g ? numbers(g) : []);
            return result;
          };
          const before = tf.memory().numTensors;
          const wanted = tf.tidy(() => {
            const kept = run((g, y) => unrolled(g, y, 0, 0.5));
            return kept as never;
          }) as number[][];
          for (const engine of ENGINES) {
            const found = tf.tidy(() => run((g, y) => solved(g, y, engine, strategy)) as never) as number[][];
            found.forEach((list, i) => {
              expectNear(list, wanted[i]!, `${label}, use ${round}, ${engine}, ${strategy}, result ${i}`);
            });
          }
          expect(tf.memory().numTensors, label).toBe(before);
          dispose();
          y0.dispose();
        }
      }
    },
  );
});
