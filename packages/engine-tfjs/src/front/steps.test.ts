import { ArgumentError, createRegistry, RegistryError, SolveError } from '@odegrad/core';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { solve } from './solve.ts';
import { steps, type OdeStep } from './steps.ts';
import type { StepsOptions } from './steps-options.ts';

const registry = createRegistry().use(tableaux);
const bits = (x: tf.Tensor): number[] => [...x.dataSync()];
const rk4 = { solver: 'rk4', stepSize: 0.25, registry } as const;

describe('steps', () => {
  let before = 0;
  let y0: tf.Tensor;
  const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);
  const take = (count: number, options: StepsOptions): { t: number; h: number; y: number[] }[] => {
    const taken: { t: number; h: number; y: number[] }[] = [];
    for (const { t, h, y } of steps(f, y0, 0, options)) if (taken.push({ t, h, y: bits(y) }) === count) break;
    return taken;
  };

  beforeAll(() => tf.setBackend('cpu'));
  beforeEach(() => {
    before = tf.memory().numTensors;
    y0 = tf.tensor1d([1, 2]);
  });
  afterEach(() => {
    y0.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('end where they are told to, forward and backward, or before the first', () => {
    expect(take(9, { ...rk4, until: 0.375 }).map(({ t }) => t)).toEqual([0.1875, 0.375]);
    expect(take(9, { ...rk4, until: -0.5 }).map(({ t, h }) => [t, h])).toEqual([
      [-0.25, -0.25],
      [-0.5, -0.25],
    ]);
    expect(take(9, { ...rk4, until: 0 })).toEqual([]);
    expect(take(9, { solver: 'rk4', numSteps: 2, until: 1, registry }).map(({ t }) => t)).toEqual([0.5, 1]);
    const adaptive = take(999, { rtol: 1e-6, until: 2, registry });
    expect(adaptive.at(-1)!.t).toBe(2);
    expect(adaptive.at(-1)!.y[1]).toBeCloseTo(2 * Math.exp(-2), 5);
  });

  it('end on the times of stepTo and jumpAt too', () => {
    const jumpAt = tf.tensor1d([0.375]);
    expect(take(5, { ...rk4, stepTo: [0.3, -2] }).map(({ t }) => t)).toEqual([0.15, 0.3, 0.55, 0.8, 1.05]);
    expect(take(4, { ...rk4, jumpAt }).map(({ t }) => t)).toEqual([0.1875, 0.375, 0.625, 0.875]);
    jumpAt.dispose();
  });

  it('may begin at a jump', () => {
    // The rate is −1 before and 1 after.
    const g = (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
      tf.mul(tf.onesLike(y), tf.sub(tf.mul(2, tf.cast(tf.greater(t, 0), 'float32')), 1));
    for (const until of [Infinity, -Infinity]) {
      for (const { y, t } of steps(g, y0, 0, { jumpAt: [0], until, registry })) {
        expect(bits(y)[0]).toBeCloseTo(1 + Math.abs(t), 5);
        if (Math.abs(t) > 1e-3) break;
      }
    }
  });

  it('have the state in the structure of y0, lent until the next', () => {
    const spring = (_: tf.Scalar, { x, v }: { x: tf.Tensor; v: tf.Tensor }) => ({ x: v, v: tf.neg(x) });
    const start = { x: y0, v: tf.zerosLike(y0) };
    const held: OdeStep<typeof start>[] = [];
    let [kept, unread] = [[] as tf.Tensor[], undefined as OdeStep<typeof start> | undefined];
    for (const step of steps(spring, start, 0, { ...rk4, until: 1 })) {
      held.push(step);
      if (step.steps === 2) {
        unread = step;
        continue;
      }
      const { x, v } = step.y;
      expect(step.y.x).toBe(x);
      expect(step.norm).toBeCloseTo(Math.hypot(...bits(x), ...bits(v)), 6);
      kept = [...kept, tf.clone(x)];
    }
    expect(bits(kept.at(-1)!)[0]).toBeCloseTo(Math.cos(1), 3);
    for (const read of [() => held[0]!.y, () => held[3]!.norm, () => unread!.y]) {
      expect(read).toThrow(ArgumentError);
      expect(read).toThrow(/The step to t = .* is over, and its state is gone/);
    }
    tf.dispose([kept, start.v]);
  });

  it('go by the values that f read when they began, and are on no tape', () => {
    const k = tf.tidy(() => tf.variable(tf.scalar(1)));
    const c = tf.scalar(0.5);
    const g = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.add(tf.mul(k, y), c);
    const walk = (meanwhile: () => void): number[][] => {
      const seen: number[][] = [];
      for (const { y } of steps(g, y0, 0, { ...rk4, until: 1, args: { n: 3 } })) {
        seen.push(bits(y));
        if (seen.length === 2) meanwhile();
      }
      return seen;
    };
    const expected = walk(() => undefined);
    expect(expected).toHaveLength(4);
    const solution = solve(g, y0, [0, 1], { ...rk4, gradient: symplectic });
    expect(bits(solution.ys).slice(2)).toEqual(expected.at(-1));
    solution.dispose();
    const slope = tf.grad((x: tf.Tensor) => {
      expect(walk(() => undefined)).toEqual(expected);
      return tf.sum(tf.square(x));
    })(y0);
    expect(bits(slope)).toEqual([2, 4]);
    slope.dispose();
    const changed = walk(() => {
      tf.tidy(() => k.assign(tf.scalar(7)));
      c.dispose();
    });
    expect(changed).toEqual(expected);
    k.dispose();
  });

  it('leave the tidies of their user alone', () => {
    let last = y0;
    tf.tidy(() => {
      const stream = steps(f, y0, 0, rk4);
      for (let i = 0; i < 3; i++) {
        tf.tidy(() => {
          const { value } = stream.next() as IteratorYieldResult<OdeStep<tf.Tensor>>;
          tf.square(value.y);
          if (i === 2) last = tf.keep(tf.clone(value.y));
        });
      }
      stream.return();
    });
    expect(bits(last)).toEqual(take(3, rk4)[2]!.y);
    last.dispose();
  });

  it('are refused at the first with typed errors', () => {
    const refusal = (
      options: object,
      t0 = 0,
      type: new (...given: never[]) => Error = ArgumentError,
    ): string => {
      let message = 'no error';
      try {
        for (const _ of steps(f, y0, t0, { registry, ...options })) break;
      } catch (error) {
        expect(error).toBeInstanceOf(type);
        message = (error as Error).message;
      }
      return message;
    };
    const options = 'Options of steps: until, args, solver, ';
    expect(refusal({ gradient: 'symplectic' })).toContain(`There is no option \`gradient\`. ${options}`);
    for (const name of [
      'params',
      'maxBytes',
      'outputs',
      'saveAt',
      'dense',
      'events',
      'every',
      'timeGradients',
    ])
      expect(refusal({ [name]: 1 })).toContain(`There is no option \`${name}\`.`);
    expect(refusal({ untl: 1 })).toContain("There is no option `untl`. Did you mean 'until'?");
    expect(refusal({ until: NaN })).toBe(
      '`until` must be a number, Infinity for steps without an end, not NaN.',
    );
    expect(refusal({ until: '1' })).toContain('`until` must be a number');
    expect(refusal({}, NaN)).toBe('`t0` must be a finite number, not NaN.');
    expect(refusal({}, [0, 1] as unknown as number)).toContain('`t0` must be a finite number, not an array');
    expect(refusal({ ...rk4, stepSize: undefined, numSteps: 3 })).toContain('give one, or `stepSize`');
    expect(refusal({ solver: 'rk4' })).toContain("Solver 'rk4' estimates no error");
    expect(refusal({ solver: 'rk5' }, 0, RegistryError)).toContain("'rk4'");
    expect(refusal({ maxSteps: 3, maxStep: 0.1 }, 0, SolveError)).toBe('no error');
    expect(() => take(9, { maxSteps: 3, maxStep: 0.1, registry })).toThrow('3 steps did not reach');
    expect(() => steps(f, y0, 0, null as never).next()).toThrow('The options of steps must be an object');
  });

  it('of a constant size are warned of once where times outgrow it', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const timed = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(tf.sin(t), y);
    for (const { steps: count } of steps(timed, y0, 0, { ...rk4, until: -Infinity })) if (count === 9) break;
    expect(warn).not.toHaveBeenCalled();
    for (const { steps: count } of steps(timed, y0, 2 ** 21 - 1, rk4)) if (count === 9) break;
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toContain('a step of h = 0.25 at t = ');
    warn.mockRestore();
  });
});
