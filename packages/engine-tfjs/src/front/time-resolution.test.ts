import * as tf from '@tensorflow/tfjs';
import { ArgumentError, createRegistry, type Method } from '@odegrad/core';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';
import { odeint } from './odeint.ts';
import { checkRoundedTimes, readsTime, watchTimes, type TimedSolve } from './time-resolution.ts';

const registry = createRegistry().use(tableaux).use(symplectic);
const EPOCH = 1.7e9;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

let warn: MockInstance<typeof console.warn>;
beforeEach(() => {
  warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  warn.mockRestore();
});
const warnings = (): string[] =>
  warn.mock.calls.map(([text]) => String(text)).filter((text) => text.startsWith('odegrad'));

const timed = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.add(tf.cos(tf.sub(t, EPOCH)), tf.zerosLike(y));
const untimed = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);

describe('whether f reads the time', () => {
  const y = (): tf.Tensor[] => [tf.ones([2])];
  const model = (): tf.LayersModel =>
    tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
  test.each<[boolean, string, (t: tf.Scalar, y: readonly tf.Tensor[]) => readonly tf.Tensor[]]>([
    [true, 'an operand', (t, [x]) => [tf.mul(x!, t)]],
    [
      true,
      'its clone',
      (t, [x]) => [
        tf.add(
          x!,
          tf.tidy(() => tf.clone(t)),
        ),
      ],
    ],
    [true, 'its value', (t, [x]) => [tf.mul(x!, t.dataSync()[0]!)]],
    [true, 'a gradient', (t, [x]) => [tf.mul(x!, tf.grad((s: tf.Tensor) => tf.square(s))(t))]],
    [false, 'nothing of it', (_, [x]) => [tf.neg(x!)]],
    [false, 'its shape', (t, [x]) => [tf.mul(x!, t.rank + 1)]],
    [
      false,
      'a model',
      (_, [x]) => [tf.tidy(() => tf.reshape(model().apply(tf.reshape(x!, [1, 2])) as tf.Tensor, [2]))],
    ],
  ])('%s: %s', (wanted, _, f) => {
    const start = y();
    expect(readsTime(f, 1, start)).toBe(wanted);
    const before = tf.memory().numTensors;
    readsTime(f, 1, start);
    // A model makes its own variables, which are no concern of this.
    if (wanted) expect(tf.memory().numTensors).toBe(before);
    tf.dispose(start);
  });
});

describe('output times that float32 does not tell apart', () => {
  const go = (f: typeof timed, ts: readonly number[] | tf.Tensor1D | Float32Array): Float32Array => {
    const y0 = tf.ones([1]);
    try {
      return tf.tidy(() => odeint(f, y0, ts, { registry }).dataSync<'float32'>().slice());
    } finally {
      y0.dispose();
    }
  };

  test('are refused where f depends on the time, saying where and what to do', () => {
    const before = tf.memory().numTensors;
    const call = (): unknown => go(timed, [EPOCH, EPOCH + 1, EPOCH + 2]);
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(
      /'tfjs' .*float32.* 1700000001 are 128 apart.*ts\[0\] = 1700000000 .*relative.*doubles/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  test('are served where it does not: steps and sums are in doubles', () => {
    const [, one, two] = go(untimed, [EPOCH, EPOCH + 1, EPOCH + 2]);
    expect(one).toBeCloseTo(Math.exp(-1), 3);
    expect(two).toBeCloseTo(Math.exp(-2), 3);
    expect(warnings()).toEqual([]);
  });

  test('are refused as a float32 tensor or array, where they have become the same', () => {
    const ts = tf.tensor1d([EPOCH, EPOCH + 1, EPOCH + 2]);
    for (const times of [ts, Float32Array.of(EPOCH, EPOCH + 1)]) {
      expect(() => go(untimed, times)).toThrow(
        /`ts\[0\]` and `ts\[1\]` are both 1700000000: `ts` is in float32.* 128 apart/,
      );
    }
    ts.dispose();
  });

  test('are warned of as a float32 tensor whose intervals are of the size of its rounding', () => {
    go(untimed, Float32Array.of(EPOCH, EPOCH + 200));
    go(untimed, Float32Array.of(EPOCH, EPOCH + 200));
    expect(warnings()).toEqual([
      expect.stringMatching(/`ts` is in float32.* 128 apart.* = 256 may have been another/),
    ]);
    expect(() => {
      checkRoundedTimes([0, 1e-30, 1, 100, 100.001, NaN, Infinity]);
    }).not.toThrow();
  });
});

describe('steps that float32 does not resolve', () => {
  const adaptive: Method = {
    solver: registry.get('solver', 'dopri5'),
    stepping: {
      rtol: 1e-3,
      atol: 1e-6,
      controller: { name: 'steady', next: () => ({ accept: true, factor: 1 }) },
    },
  };
  let names = 0;
  /** Each engine is warned of once. */
  const solve = (method: Method, ts: number[], more: Partial<TimedSolve> = {}): Method =>
    watchTimes({
      ts,
      method,
      engine: { name: `engine ${names++}`, roundoff: 2 ** -24 },
      readsTime: () => true,
      ...more,
    });

  test('are warned of, constant ones before the solve', () => {
    const fixed: Method = { ...adaptive, stepping: { numSteps: 100 } };
    expect(solve(fixed, [EPOCH, EPOCH + 1000])).toBe(fixed);
    solve({ ...adaptive, stepping: { stepSize: 10 } }, [EPOCH, EPOCH + 1000]);
    expect(warnings()).toEqual([
      expect.stringMatching(/128 apart: a step of h = 10 at t = 1700001000 is lost.*relative.*doubles/),
      expect.stringMatching(/a step of h = 10/),
    ]);
  });

  test('are warned of once, when they are taken, and others are not', () => {
    const seen: number[] = [];
    const watched = solve({ ...adaptive, onStep: ({ h }) => seen.push(h) }, [1000, 2000]);
    const step = (h: number, phase: 'forward' | 'backward' = 'forward'): void => {
      watched.onStep!({ phase, t: 1000, h, steps: 1, norm: 1 });
    };
    step(1e-3);
    step(1e-5, 'backward');
    expect(warnings()).toEqual([]);
    step(-1e-4);
    step(1e-4);
    expect(warnings()).toEqual([
      expect.stringMatching(/near 1000 are 0.00006103515625 apart.* h = 0.0001 at t = 1000/),
    ]);
    expect(seen).toEqual([1e-3, 1e-5, -1e-4, 1e-4]);
  });

  test('concern nobody where f does not read the time, which is asked once', () => {
    const reads = vi.fn(() => false);
    const watched = solve(adaptive, [EPOCH, EPOCH + 1], { readsTime: reads });
    for (let i = 0; i < 5; i++) watched.onStep!({ phase: 'forward', t: EPOCH, h: 1, steps: i, norm: 1 });
    expect(reads).toHaveBeenCalledTimes(1);
    expect(warnings()).toEqual([]);
  });

  test('in doubles are 2⁻²⁹ as long', () => {
    const engine = { name: 'double', roundoff: 2 ** -53 };
    const watched = solve(adaptive, [EPOCH, EPOCH + 1], { engine });
    watched.onStep!({ phase: 'forward', t: EPOCH, h: 1e-3, steps: 1, norm: 1 });
    expect(warnings()).toEqual([]);
    watched.onStep!({ phase: 'forward', t: EPOCH, h: 1e-7, steps: 1, norm: 1 });
    expect(warnings()).toEqual([expect.stringMatching(/in doubles.*2.384185791015625e-7 apart/)]);
    expect(warnings()[0]).not.toContain('Float64Array');
  });
});
