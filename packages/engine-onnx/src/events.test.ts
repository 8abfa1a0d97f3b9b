import { createRegistry, SolveError } from '@odegrad/core';
import { odeint, odeintEvent, solve, type SolveOptions } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { auto } from '@odegrad/trace';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry()
  .use(tableaux)
  .use(adjoint)
  .use(backprop)
  .use(checkpoint)
  .use(symplectic)
  .use(onnx())
  .use(wasm());
registry.use(auto(registry));

beforeAll(() => tf.setBackend('cpu'));

interface Ball<T> {
  readonly height: T;
  readonly speed: T;
}
interface Numbers {
  readonly gravity: number;
  readonly drag: number;
  readonly restitution: number;
}
const numbers: Numbers = { gravity: 9.81, drag: 0.1, restitution: 0.9 };
type Args = { readonly [K in keyof Numbers]: tf.Tensor };

const fall = (_t: tf.Scalar, { speed }: Ball<tf.Tensor>, { gravity, drag }: Args): Ball<tf.Tensor> => ({
  height: speed,
  speed: tf.neg(tf.add(gravity, tf.mul(drag, speed))),
});
const floor = {
  when: (_t: tf.Scalar, { height }: Ball<tf.Tensor>): tf.Tensor => tf.reshape(height, []),
  direction: 'falling',
  then: (_t: tf.Scalar, { height, speed }: Ball<tf.Tensor>, { restitution }: Args): Ball<tf.Tensor> => ({
    height: tf.clone(height),
    speed: tf.mul(tf.neg(restitution), speed),
  }),
} as const;
const apex = {
  when: (_t: tf.Scalar, { speed }: Ball<tf.Tensor>): tf.Tensor => tf.sum(speed),
  direction: 'falling',
  then: 'record',
} as const;

interface Start extends Numbers {
  readonly height: number;
  readonly speed: number;
}
const start: Start = { ...numbers, height: 1.1, speed: 0.4 };
const keys = Object.keys(start) as (keyof Start)[];

/** A loss of the state at the end, of the times of all bounces and of the heights of all tops; and its gradient. */
function bounces(from: Start, options: SolveOptions<never>, isDouble: boolean) {
  const { height, speed, ...args } = from;
  const part = (x: number): tf.Tensor | Float64Array => (isDouble ? Float64Array.of(x) : tf.tensor1d([x]));
  const solution = solve(fall as never, { height: part(height), speed: part(speed) } as never, [0, 1, 2], {
    args,
    registry,
    events: { floor, apex },
    solver: 'rk4',
    numSteps: 12,
    ...options,
  } as never);
  const read = (x: unknown): number =>
    x instanceof tf.Tensor ? x.dataSync()[0]! : (x as { data: Float64Array }).data[0]!;
  const last = (x: unknown): number =>
    x instanceof tf.Tensor ? x.dataSync().at(-1)! : (x as { data: Float64Array }).data.at(-1)!;
  const { events, ys } = solution as unknown as {
    events: { name: string; t: number; before: Ball<unknown>; after: Ball<unknown> }[];
    ys: Ball<unknown>;
  };
  const loss = events.reduce(
    (sum, { name, t, before, after }) =>
      sum + (name === 'floor' ? t + 0.1 * read(after.speed) : 0.5 * read(before.height)),
    last(ys.height) + 0.2 * last(ys.speed),
  );
  const times = events.map(({ name, t }) => `${name} ${t.toFixed(4)}`);
  const along = (end: number): unknown =>
    isDouble ? Float64Array.of(0, 0, end) : tf.tensor2d([[0], [0], [end]]);
  const gradient = (): Record<string, number> => {
    const pulled = (solution as unknown as { pullback: (...given: unknown[]) => never }).pullback(
      {
        height: isDouble ? { shape: [3, 1], data: along(1) } : along(1),
        speed: isDouble ? { shape: [3, 1], data: along(0.2) } : along(0.2),
      },
      [],
      events.map(({ name }) =>
        name === 'floor'
          ? { t: 1, after: { height: part(0), speed: part(0.1) } }
          : { before: { height: part(0.5), speed: part(0) } },
      ),
    ) as { y0: Ball<unknown>; args: Record<string, unknown> };
    return Object.fromEntries(
      [...Object.entries(pulled.args), ...Object.entries(pulled.y0)].map(([key, x]) => [key, read(x)]),
    );
  };
  return { solution, loss, times, gradient };
}

/** By central differences in doubles, on wasm. */
function differences(): Record<string, number> {
  const at = (key: keyof Start, by: number): number => {
    const { loss, solution } = bounces(
      { ...start, [key]: start[key] + by },
      { engine: 'wasm', dtype: 'float64' },
      true,
    );
    solution.dispose();
    return loss;
  };
  return Object.fromEntries(
    keys.map((key) => [key, (8 * (at(key, 1e-4) - at(key, -1e-4)) - at(key, 2e-4) + at(key, -2e-4)) / 12e-4]),
  );
}

describe('events on every engine', () => {
  const expected = tf.tidy(() => differences());

  it.each(['tfjs', 'replay', 'onnx', 'wasm', 'auto'])('%s', (engine) => {
    for (const isDouble of engine === 'onnx' || engine === 'wasm' ? [false, true] : [false]) {
      for (const gradient of isDouble
        ? ['symplectic', 'backprop', 'checkpoint', 'recompute']
        : ['symplectic']) {
        const before = tf.memory().numTensors;
        tf.tidy(() => {
          const options: SolveOptions<never> = { engine, gradient, dtype: isDouble ? 'float64' : 'float32' };
          const { solution, times, gradient: pull } = bounces(start, options, isDouble);
          expect(times.map((name) => name.split(' ')[0])).toEqual(['apex', 'floor', 'apex', 'floor', 'apex']);
          const found = pull();
          for (const key of keys) {
            const scale = Math.max(1, Math.abs(expected[key]!));
            expect(Math.abs(found[key]! - expected[key]!) / scale, key).toBeLessThan(isDouble ? 1e-9 : 1e-4);
          }
          solution.dispose();
        });
        expect(tf.memory().numTensors).toBe(before);
      }
    }
  });
});

describe('a budget for a solve with events', () => {
  it.each(['tfjs', 'replay', 'onnx', 'wasm', 'auto'])(
    'is kept on every engine, and in doubles: %s',
    (engine) => {
      for (const dtype of engine === 'onnx' || engine === 'wasm'
        ? (['float32', 'float64'] as const)
        : (['float32'] as const)) {
        const isDouble = dtype === 'float64';
        const before = tf.memory().numTensors;
        tf.tidy(() => {
          const plain = bounces(start, { engine, dtype, gradient: 'symplectic' }, isDouble);
          const expected = plain.gradient();
          plain.solution.dispose();
          let maxBytes = 1;
          for (let tried = 0; tried < 3;) {
            try {
              const { solution, gradient } = bounces(start, { engine, dtype, maxBytes }, isDouble);
              const found = gradient();
              for (const key of keys)
                expect(Math.abs(found[key]! - expected[key]!)).toBeLessThan(
                  (isDouble ? 1e-12 : 1e-4) * Math.max(1, Math.abs(expected[key]!)),
                );
              expect(solution.stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
              solution.dispose();
              expect(solution.stats.bytes).toBe(0);
              tried += 1;
              maxBytes *= 3;
            } catch (error) {
              if (!(error instanceof SolveError) || error.code !== 'over-budget') throw error;
              expect(error.leastBytes).toBeGreaterThan(maxBytes);
              maxBytes = error.leastBytes!;
            }
          }
        });
        expect(tf.memory().numTensors).toBe(before);
      }
    },
  );
});

describe('events of solve', () => {
  const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.onesLike(y);
  const y0 = tf.tensor1d([0]);
  const base = { registry, engine: 'wasm' } as const;

  it('stop by default, and say so', () => {
    const solution = solve(f, y0, [0, 0.5, 1, 2], {
      ...base,
      events: { half: { when: (_t, y) => tf.sub(tf.sum(y), 0.75) } },
    });
    expect(solution.status).toBe('event');
    expect(solution.ts).toEqual([0, 0.5]);
    expect(solution.ys.shape).toEqual([2, 1]);
    expect(solution.events.map(({ name }) => name)).toEqual(['half']);
    expect(solution.events[0]!.t).toBeCloseTo(0.75, 6);
    const { y0: slope } = solution.pullback(undefined, [], [{ t: 1 }]);
    expect(slope.dataSync()[0]).toBeCloseTo(-1, 5);
    solution.dispose();
  });

  it('give gradients to variables that conditions alone read', () => {
    const level = tf.variable(tf.scalar(0.75), true, 'level');
    const solution = solve(f, y0, [0, 2], {
      ...base,
      events: { at: { when: (_t, y) => tf.sub(tf.sum(y), level) } },
    });
    const { parameters } = solution.pullback(undefined, [], [{ t: 3 }]);
    expect(parameters['level']!.dataSync()[0]).toBeCloseTo(3, 5);
    solution.dispose();
    level.dispose();
  });

  it.each(['tfjs', 'onnx', 'wasm'])('go with a dense solution, and its gradient: %s', (engine) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const from = { height: tf.tensor1d([1.1]), speed: tf.tensor1d([0.4]) };
      const { gravity, drag, restitution } = numbers;
      const args = {
        gravity: tf.scalar(gravity),
        drag: tf.scalar(drag),
        restitution: tf.scalar(restitution),
      };
      const options = { registry, engine, args, events: { floor }, solver: 'dopri5', rtol: 1e-5 } as const;
      const t = 1.3;
      const cotangent = { height: tf.tensor1d([1]), speed: tf.tensor1d([-0.3]) };
      const along = (x: tf.Tensor): tf.Tensor =>
        tf.concat([tf.zeros([1, 1]), tf.reshape(x, [1, 1]), tf.zeros([1, 1])]);
      const dense = solve(fall, from, [0, 2], { ...options, dense: true });
      expect(dense.events.length).toBeGreaterThan(1);
      // The same read as an output.
      const plain = solve(fall, from, [0, t, 2], { ...options, outputs: 'interpolate' });
      const read = dense.at(t);
      expect(read.height.dataSync()[0]).toBeCloseTo(plain.ys.height.dataSync()[1]!, 5);
      expect(dense.rate(t).height.dataSync()[0]).toBeCloseTo(read.speed.dataSync()[0]!, 3);
      expect(dense.at([0.1, t]).height.shape).toEqual([2, 1]);
      const { y0: found } = dense.pullback(undefined, [{ t, cotangent }]);
      const { y0: expected } = plain.pullback({
        height: along(cotangent.height),
        speed: along(cotangent.speed),
      });
      expect(found.height.dataSync()[0]).toBeCloseTo(expected.height.dataSync()[0]!, 4);
      expect(found.speed.dataSync()[0]).toBeCloseTo(expected.speed.dataSync()[0]!, 4);
      dense.dispose();
      plain.dispose();
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('go with the ends of all steps', () => {
    const solution = solve(f, y0, [0, 2], {
      ...{ registry, engine: 'wasm', solver: 'rk4', numSteps: 4, saveAt: 'steps' },
      events: {
        fold: {
          when: (_t: tf.Scalar, y: tf.Tensor) => tf.sub(tf.sum(y), 0.75),
          then: (_t: tf.Scalar, y: tf.Tensor) => tf.neg(y),
        },
      },
    } as const);
    const { ts, ys } = solution;
    expect(ts).toHaveLength(ys.shape[0]);
    const { t } = solution.events[0]!;
    expect(ts.filter((time) => time === t)).toHaveLength(2);
    const at = ts.indexOf(t);
    const [before, after] = [ys.dataSync()[at]!, ys.dataSync()[at + 1]!];
    expect(before).toBeCloseTo(0.75, 6);
    expect(after).toBeCloseTo(-0.75, 6);
    // The state after is −y there, whatever y0 is; that before is the level.
    const along = (i: number) => tf.tensor2d(ts.map((_, k) => [Number(k === i)]));
    expect(solution.pullback(along(at)).y0.dataSync()[0]).toBeCloseTo(0, 6);
    expect(solution.pullback(along(ts.length - 1)).y0.dataSync()[0]).toBeCloseTo(1, 5);
    solution.dispose();
  });

  it('say what is wrong with them', () => {
    const attempt =
      (events: unknown): (() => unknown) =>
      () =>
        solve(f, y0, [0, 1], { ...base, events: events as never });
    const when = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.sum(y);
    expect(attempt({ a: {} })).toThrow(/`events.a` needs `when`/);
    expect(attempt({ a: { when, then: 'halt' } })).toThrow(/'stop', 'record' or a function/);
    expect(attempt({ a: { when, direction: 'up' } })).toThrow(/'rising', 'falling' or 'either'/);
    expect(attempt({ a: { when, dirction: 'rising' } })).toThrow(/direction/);
    expect(attempt({ a: { when: (_t: tf.Scalar, y: tf.Tensor) => tf.concat([y, y]) } })).toThrow(/scalar/);
    expect(attempt({ a: { when, then: () => tf.tensor1d([1, 2]) } })).toThrow(/events\.a\.then/);
    expect(attempt([])).toThrow(/record of events by name/);
    expect(() => odeint(f, y0, [0, 1], { ...base, events: { a: { when } } } as never)).toThrow(/Take solve/);
    expect(() => solve(f, y0, [0, 1], { ...base, gradient: 'adjoint', events: { a: { when } } })).toThrow(
      /serves no events/,
    );
    const solution = solve(f, y0, [0, 1], {
      ...base,
      events: { a: { when: (_t, y) => tf.sub(tf.sum(y), 5) } },
    });
    expect(() => solution.pullback(undefined, [], [{ t: 1 }])).toThrow(/each of the 0 that happened/);
    solution.dispose();
  });
});

describe('odeintEvent', () => {
  const gravity = 9.81;
  const f = (_t: tf.Scalar, { speed }: { height: tf.Tensor; speed: tf.Tensor }) => ({
    height: speed,
    speed: tf.fill(speed.shape, -gravity),
  });
  const base = { registry, rtol: 1e-6 } as const;

  it.each(['tfjs', 'wasm'])(
    'gives the time and the state on the tape, with their derivatives: %s',
    (engine) => {
      const level = tf.variable(tf.scalar(0.5), true, `level of ${engine}`);
      const meet = (height: tf.Tensor) =>
        odeintEvent(f, { height, speed: tf.zerosLike(height) }, [0, 0.1, 5], {
          ...base,
          engine,
          event: { when: (_t, y) => tf.sub(y.height, level), direction: 'falling' },
        });
      const height = tf.scalar(2);
      const { t, y, ys } = meet(height);
      // t = √(2 (h − l) / g), v = −√(2 g (h − l)).
      const time = Math.sqrt((2 * 1.5) / gravity);
      expect(t.dataSync()[0]).toBeCloseTo(time, 5);
      expect(y.speed.dataSync()[0]).toBeCloseTo(-gravity * time, 4);
      expect(y.height.dataSync()[0]).toBeCloseTo(0.5, 5);
      expect(ys.height.shape).toEqual([2]);
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        expect(
          tf
            .grad((h) => meet(h).t)(height)
            .dataSync()[0],
        ).toBeCloseTo(1 / (gravity * time), 4);
        expect(
          tf
            .grad((h) => meet(h).y.speed)(height)
            .dataSync()[0],
        ).toBeCloseTo(-1 / time, 4);
        expect(
          tf
            .grad((h) => tf.sum(meet(h).ys.height))(height)
            .dataSync()[0],
        ).toBeCloseTo(2, 5);
        const { grads } = tf.variableGrads(() => meet(height).t, [level]);
        expect(grads[level.name]!.dataSync()[0]).toBeCloseTo(-1 / (gravity * time), 4);
      });
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose([level, t, y.height, y.speed, ys.height, ys.speed]);
    },
  );

  it('says where it is not met, and what is wrong', () => {
    const y0: { height: tf.Tensor; speed: tf.Tensor } = { height: tf.scalar(2), speed: tf.scalar(0) };
    const event = { when: (_t: tf.Scalar, y: typeof y0) => tf.add(y.height, 1000) };
    const before = tf.memory().numTensors;
    expect(() => odeintEvent(f, y0, [0, 1], { ...base, event })).toThrow(
      expect.objectContaining({ code: 'no-event' }),
    );
    expect(() =>
      tf.grad((height) => odeintEvent(f, { ...y0, height }, [0, 1], { ...base, event }).t)(y0.height),
    ).toThrow(/keeps its sign/);
    expect(() => odeintEvent(f, y0, [0, 1], { ...base } as never)).toThrow(/needs `event`/);
    expect(() => odeintEvent(f, y0, [0, 1], { ...base, event, events: {} } as never)).toThrow(/events/);
    expect(() =>
      odeintEvent(f, y0, [0, 1], { ...base, event: { ...event, then: 'record' } } as never),
    ).toThrow(/then/);
    expect(tf.memory().numTensors).toBe(before);
  });
});
