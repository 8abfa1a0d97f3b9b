import { ArgumentError, createLedger, createRegistry, RegistryError } from '@odegrad/core';
import { symplectic } from '@odegrad/grad-symplectic';
import backprop from '@odegrad/grad-backprop';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { solve } from './solve.ts';
import { solveAsync } from './solve-async.ts';

const registry = createRegistry()
  .use(tableaux)
  .use(backprop)
  .use({ name: 'test', gradients: [symplectic] });
const bits = (x: tf.Tensor): number[] => [...x.dataSync()];
const ts = [0, 0.5, 1];
const options = { solver: 'rk4', numSteps: 6, registry } as const;

describe('solveAsync', () => {
  let before = 0;
  let y0: tf.Tensor;
  const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.sin(tf.add(y, t));

  beforeAll(() => tf.setBackend('cpu'));
  beforeEach(() => {
    before = tf.memory().numTensors;
    y0 = tf.tensor1d([1, 2]);
  });
  afterEach(() => {
    y0.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('pauses every so many milliseconds: at every step where that is 0, and never where it is Infinity', async () => {
    let pauses = 0;
    class Counted extends MessageChannel {
      constructor() {
        super();
        pauses += 1;
      }
    }
    for (const [every, channel, expected] of [
      [0, Counted, 12],
      [Infinity, Counted, 0],
      [0, undefined, 0],
    ] as const) {
      vi.stubGlobal('MessageChannel', channel);
      pauses = 0;
      const turns: number[] = [];
      let [turn, running] = [0, true];
      const others = (async () => {
        for (; running; turn++) await new Promise((resolve) => setTimeout(resolve));
      })();
      const solved = await solveAsync(f, y0, ts, { ...options, every, onStep: () => turns.push(turn) });
      running = false;
      await others;
      vi.unstubAllGlobals();
      expect([turns.length, pauses]).toEqual([12, expected]);
      // Timers had their turns in between.
      if (every === 0) expect(new Set(turns).size).toBeGreaterThan(1);
      else expect(new Set(turns).size).toBe(1);
      solved.dispose();
    }
  });

  it('rejects with typed errors, and leaves nothing', async () => {
    const bad: [object, unknown, string][] = [
      [
        { evry: 5 },
        ArgumentError,
        "There is no option `evry`. Did you mean 'every'? Options of solveAsync: ",
      ],
      [{ every: -1 }, ArgumentError, '`every` must be a number of milliseconds ≥ 0, not -1.'],
      [{ every: '5' }, ArgumentError, '`every` must be a number of milliseconds ≥ 0'],
      [{ solver: 'rk5' }, RegistryError, "'rk4'"],
    ];
    for (const [wrong, type, message] of bad) {
      const refused = solveAsync(f, y0, ts, { ...options, ...wrong });
      await expect(refused).rejects.toBeInstanceOf(type);
      await expect(refused).rejects.toThrow(message);
    }
    await expect(solveAsync(f, [] as unknown as tf.Tensor, ts, options)).rejects.toThrow('y0 has no tensors');
    const failing = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
      if (t.dataSync()[0]! > 0.5) throw new Error('f does not go on');
      return f(t, y);
    };
    const args = { c: 2 };
    const failed = solveAsync(failing, y0, ts, { ...options, args, every: 0 });
    await expect(failed).rejects.toThrow('f does not go on');
  });

  it('is not touched by a tidy around it, nor by what happens to tensors afterwards', async () => {
    const scale = tf.tidy(() => tf.variable(tf.scalar(2)));
    const g = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(scale, tf.sin(y));
    const expected = solve(g, y0, ts, options);
    for (const every of [0, Infinity]) {
      const begun: ReturnType<typeof solveAsync<tf.Tensor>>[] = [];
      tf.tidy(() => {
        begun.push(solveAsync(g, tf.clone(y0), ts, { ...options, every }));
      });
      tf.tidy(() => scale.assign(tf.scalar(7)));
      const solved = await begun[0]!;
      expect(bits(solved.ys)).toEqual(bits(expected.ys));
      const ones = tf.onesLike(solved.ys);
      const pulled: ReturnType<typeof solved.pullbackAsync>[] = [];
      tf.tidy(() => {
        pulled.push(solved.pullbackAsync(tf.clone(ones)));
      });
      const [found, wanted] = [await pulled[0]!, expected.pullback(ones)];
      expect(bits(found.y0)).toEqual(bits(wanted.y0));
      expect(bits(found.parameters[scale.name]!)).toEqual(bits(wanted.parameters[scale.name]!));
      solved.dispose();
      tf.dispose([ones, found.y0, found.parameters, wanted.y0, wanted.parameters]);
      tf.tidy(() => scale.assign(tf.scalar(2)));
    }
    expected.dispose();
    scale.dispose();
  });

  it('gives the gradients of times, jumps and args', async () => {
    const [times, jumpAt] = [tf.tensor1d(ts), tf.tensor1d([0.3])];
    const args = { c: 0.5 };
    const g = (t: tf.Scalar, y: tf.Tensor, { c }: { c: tf.Tensor }): tf.Tensor =>
      tf.add(tf.mul(c, tf.sin(y)), tf.cast(tf.less(t, 0.3), 'float32'));
    const both = await Promise.all(
      [0, undefined].map(async (every) => {
        const all = { ...options, args, jumpAt, gradient: 'backprop' } as const;
        const solved =
          every === 0 ? await solveAsync(g, y0, times, { ...all, every }) : solve(g, y0, times, all);
        const ones = tf.onesLike(solved.ys);
        const found = every === 0 ? await solved.pullbackAsync(ones) : solved.pullback(ones);
        const tensors = [solved.ys, found.ts!, found.jumpAt!, found.args.c];
        const numbers = tensors.map(bits);
        solved.dispose();
        tf.dispose([ones, found.y0, ...tensors]);
        return numbers;
      }),
    );
    expect(both[0]).toEqual(both[1]);
    expect(both[0]![2]![0]).not.toBe(0);
    tf.dispose([times, jumpAt]);
  });

  it('counts forward and backward apart where two share a ledger', async () => {
    const alone = createLedger();
    const ones = tf.ones([3, 2]);
    const once = async (ledger: ReturnType<typeof createLedger>, every: number): Promise<void> => {
      const solved = await solveAsync(f, y0, ts, { ...options, ledger, every });
      const { y0: found } = await solved.pullbackAsync(ones);
      found.dispose();
      solved.dispose();
    };
    await once(alone, Infinity);
    const shared = createLedger();
    const first = once(shared, 0);
    // Half-way, the other begins: one goes backward while the other goes forward.
    for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, once(shared, 0)]);
    for (const name of ['accepted', 'evaluationsForward', 'evaluationsBackward', 'pullbacks'] as const)
      expect([name, shared[name]]).toEqual([name, 2 * alone[name]]);
    expect(shared).toMatchObject({ bytes: 0, keptStateBytes: 0, activationBytes: 0, phase: 'forward' });
    ones.dispose();
  });

  it('ends a pullback that is under way where the solution is disposed of', async () => {
    const solved = await solveAsync(f, y0, ts, { ...options, every: 0 });
    const ones = tf.onesLike(solved.ys);
    const pulled = solved.pullbackAsync(ones);
    solved.dispose();
    await expect(pulled).rejects.toThrow('released while its pullback was under way');
    const wrong = tf.zeros([3]);
    await expect(solved.pullbackAsync(wrong)).rejects.toThrow('of the shape of the trajectory');
    tf.dispose([ones, wrong]);
  });

  it('goes in one go with a gradient strategy that cannot pause', async () => {
    const { solveBySteps: _, ...hasty } = symplectic;
    const solved = await solveAsync(f, y0, ts, { ...options, gradient: hasty, every: 0 });
    const expected = solve(f, y0, ts, options);
    expect(bits(solved.ys)).toEqual(bits(expected.ys));
    solved.dispose();
    expected.dispose();
  });
});
