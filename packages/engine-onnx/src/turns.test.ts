import { createLedger, createRegistry } from '@odegrad/core';
import { solve, solveAsync, steps, type OdeOptions, type OdeSolution } from '@odegrad/engine-tfjs';
import replay from '@odegrad/engine-replay';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry();
for (const plugin of [tableaux, adjoint, backprop, checkpoint, symplectic, replay, wasm(), onnx()])
  registry.use(plugin);

const bits = (x: tf.Tensor): number[] => [...x.dataSync()];
const ts = [0, 0.7, 1.5];
const kinds = [
  { solver: 'rk4', numSteps: 12, gradient: 'symplectic' },
  { solver: 'dopri5', rtol: 1e-4, gradient: 'checkpoint' },
  { solver: 'rk4', stepSize: 0.1, gradient: 'backprop' },
  { solver: 'tsit5', rtol: 1e-4, gradient: 'adjoint' },
] as const;

describe.each(['tfjs', 'replay', 'wasm', 'onnx'])('solves in turns on engine %s', (engine) => {
  let w: tf.Variable;
  let y0: tf.Tensor;
  let before = 0;
  const f = (t: tf.Scalar, y: tf.Tensor, c: tf.Tensor): tf.Tensor =>
    tf.add(tf.tanh(tf.matMul(y, w as tf.Tensor2D)), tf.mul(c, tf.sin(t)));
  /** A solve and a gradient of it, in one go or in turns. */
  const numbersOf = async (
    solution: OdeSolution<tf.Tensor, tf.Tensor>,
    inTurns: boolean,
  ): Promise<number[][]> => {
    const ones = tf.onesLike(solution.ys);
    const found = inTurns ? await solution.pullbackAsync(ones) : solution.pullback(ones);
    const numbers = [solution.ys, found.y0, found.parameters[w.name]!, found.args].map(bits);
    numbers.push(Object.values(solution.stats).map(Number));
    solution.dispose();
    tf.dispose([ones, found.y0, found.parameters, found.args]);
    return numbers;
  };

  beforeAll(() => tf.setBackend('cpu'));
  beforeEach(() => {
    // What is compiled is kept, constants included.
    before = tf.memory().numTensors;
    w = tf.tidy(() => tf.variable(tf.tensor2d([0.3, -1.2, 0.9, 0.2], [2, 2])));
    y0 = tf.tensor2d([1, 0.5, -0.3, 0.8, 0, 1], [3, 2]);
  });
  afterEach(() => {
    tf.dispose([w, y0]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('give the numbers of solves in one go, however they take their turns', async () => {
    const c = tf.scalar(0.4);
    const of = (i: number): OdeOptions<tf.Tensor> => ({ ...kinds[i]!, engine, registry, args: c });
    const values = [bits(w), bits(w).map((x) => 1.5 * x)];
    const assign = (i: number): void => {
      tf.tidy(() => w.assign(tf.tensor2d(values[i]!, [2, 2])));
    };
    const each = [...kinds.keys()].flatMap((i) => [0, 1].map((value) => ({ value, options: of(i) })));
    const expected: number[][][] = [];
    for (const { value, options } of each) {
      assign(value);
      expected.push(await numbersOf(solve(f, y0, ts, options), false));
    }
    const begun: Promise<number[][]>[] = [];
    for (const { value, options } of each) {
      assign(value);
      const start = tf.clone(y0);
      begun.push(
        solveAsync(f, start, ts, { ...options, every: 0 }).then((solved) => numbersOf(solved, true)),
      );
      // It has what it needs.
      start.dispose();
    }
    assign(0);
    expect(await Promise.all(begun)).toEqual(expected);
    c.dispose();
  });

  it('give what solves in one go do of events, dense solutions, and states at every step', async () => {
    const c = tf.scalar(0.4);
    const up = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(1.5, y);
    const events = {
      low: { when: (_: tf.Scalar, y: tf.Tensor) => tf.sub(tf.mean(y), 0.6), then: up, atMost: 2 },
      late: { when: (t: tf.Scalar) => tf.sub(t, 1.2) },
    };
    for (const more of [{ events }, { dense: true }, { saveAt: 'steps' }] as const) {
      const options = { ...kinds[1], engine, registry, args: c, ...more };
      const numbers: number[][][] = [];
      for (const inTurns of [false, true]) {
        const solution = inTurns
          ? await solveAsync(f, y0, ts, { ...options, every: 0 })
          : solve(f, y0, ts, options);
        const read = 'dense' in more ? [solution.at([0.2, 1.1]), solution.rate(0.3)] : [];
        const facts = [
          [...solution.ts],
          solution.events.map(({ t }) => t),
          bits(solution.ys),
          ...read.map(bits),
          ...solution.events.flatMap(({ before, after }) => [bits(before), bits(after)]),
        ];
        tf.dispose(read);
        numbers.push([...facts, ...(await numbersOf(solution, inTurns))]);
      }
      expect(numbers[1]).toEqual(numbers[0]);
      if ('events' in more) expect(numbers[0]![1]!.length).toBeGreaterThan(1);
    }
    c.dispose();
  });

  it('let timers live, which end them and leave nothing', async () => {
    const c = tf.scalar(0.4);
    const ledger = createLedger();
    let [ticks, last] = [0, 0];
    const timer = setInterval(() => (ticks += 1), 5);
    const options = {
      engine,
      registry,
      args: c,
      solver: 'rk4',
      numSteps: 1e6,
      ledger,
      maxSteps: Infinity,
    } as const;
    const long = solveAsync(f, y0, [0, 1e5], {
      ...options,
      gradient: 'recompute',
      signal: AbortSignal.timeout(60),
      onStep: ({ steps }) => (last = steps),
    });
    await expect(long).rejects.toMatchObject({ name: 'SolveError', code: 'aborted' });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
    expect(last).toBeGreaterThan(0);
    expect(ledger).toMatchObject({ bytes: 0, keptStateBytes: 0, phase: 'forward' });

    const stop = new AbortController();
    const solved = await solveAsync(f, y0, ts, {
      ...options,
      numSteps: 20,
      gradient: 'symplectic',
      every: 0,
      signal: stop.signal,
    });
    const ones = tf.onesLike(solved.ys);
    const pulled = solved.pullbackAsync(ones);
    await expect(solved.pullbackAsync(ones)).rejects.toThrow('under way');
    stop.abort();
    await expect(pulled).rejects.toMatchObject({ code: 'aborted' });
    expect(ledger).toMatchObject({ bytes: 0, phase: 'forward' });
    expect(() => solved.pullback(ones)).toThrow('solve again');
    solved.dispose();
    tf.dispose([c, ones]);
  });

  it('are streams of steps, which are those of a solve, whatever is done in between', () => {
    const c = tf.scalar(0.4);
    for (const { gradient: _, ...kind } of kinds) {
      const options = { ...kind, engine, registry, args: c };
      const whole: number[][] = [];
      const ends: number[] = [];
      const solution = solve(f, y0, [0, 1.5], {
        ...options,
        onStep: ({ t, h, norm }) => whole.push([t, h, norm]),
      });
      const seen: number[][] = [];
      let last: number[] = [];
      for (const { t, h, norm, steps: count, y } of steps(f, y0, 0, { ...options, until: 1.5 })) {
        seen.push([t, h, norm]);
        last = bits(y);
        ends.push(count);
        // Another one on the same field, with other values, left half-way.
        const value = tf.clone(w);
        tf.tidy(() => w.assign(tf.mul(w, 2)));
        for (const other of steps(f, y, t, { ...options, until: 3 })) if (other.steps === 2) break;
        w.assign(value);
        value.dispose();
      }
      expect(seen).toEqual(whole);
      expect(ends).toEqual(seen.map((_, i) => i + 1));
      expect(last).toEqual(bits(solution.ys).slice(-y0.size));
      solution.dispose();
    }
    c.dispose();
  });

  it('have no end where none is asked for, and leave nothing where the loop is left', () => {
    const c = tf.scalar(0.4);
    const ledger = createLedger();
    for (const stepping of [{ solver: 'rk4', stepSize: 0.25 }, { maxStep: 0.25 }]) {
      const options = { engine, registry, args: c, ledger, ...stepping };
      for (const until of [undefined, -Infinity]) {
        let reached = 0;
        for (const { t, y, steps: count } of steps(f, y0, 2, { ...options, until })) {
          reached = t;
          expect(y.shape).toEqual(y0.shape);
          if (count === 50) break;
        }
        if ('stepSize' in stepping) expect(reached).toBe(until === undefined ? 14.5 : -10.5);
        else expect(Math.sign(reached - 2)).toBe(until === undefined ? 1 : -1);
      }
      const fails = (): void => {
        for (const { steps: count } of steps(f, y0, 0, options))
          if (count === 3) throw new Error('in the loop');
      };
      expect(fails).toThrow('in the loop');
      const stop = new AbortController();
      const stops = (): void => {
        for (const { steps: count } of steps(f, y0, 0, { ...options, signal: stop.signal }))
          if (count === 3) stop.abort();
      };
      expect(stops).toThrow('aborted');
      expect(ledger.bytes).toBe(0);
    }
    c.dispose();
  });
});
