import { bouncingBall, createFloat64Engine, float64Field, type HandWrittenField } from '@odegrad/testkit';
import { symplectic } from '@odegrad/grad-symplectic';
import { backprop } from '@odegrad/grad-backprop';
import { binomial, checkpoint, recompute, stages } from '@odegrad/grad-checkpoint';
import { adjoint } from '@odegrad/grad-adjoint';
import { bosh3, cashKarp, dopri5, rk4, tsit5 } from '@odegrad/tableaux';
import { describe, expect, it } from 'vitest';
import { createLedger } from '../memory/ledger.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { forward } from '../gradient/schedule.ts';
import { pi } from '../stepping/controllers.ts';
import type { Event } from '../types/event.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { StepSizeController } from '../types/stepping.ts';
import type { GradientStrategy } from '../types/plugin.ts';

/** Keeps the step size that it was given. */
const held: StepSizeController = { name: 'held', next: () => ({ accept: true, factor: 1 }) };
const rk: Method = { solver: rungeKutta(rk4), stepping: { stepSize: 0.0613 } };
const adaptive: Method = {
  solver: rungeKutta(dopri5),
  stepping: { rtol: 1e-6, atol: 1e-6, controller: pi },
};
const heldSteps = (tableau: typeof dopri5): Method => ({
  solver: rungeKutta(tableau),
  stepping: { rtol: 1, atol: 1, controller: held, firstStep: 0.07 },
});

/** `p`: drag, restitution, amplitude of the floor. */
interface Setting {
  readonly y0: readonly number[];
  readonly p: readonly number[];
  readonly ts: readonly number[];
}

const start: Setting = { y0: [1, 0.3], p: [0.1, 0.92, 0.02], ts: [0, 1, 2.5, 4] };

function problemOf({ y0, p, ts }: Setting, more: Partial<Problem<Float64Array>> = {}) {
  const engine = createFloat64Engine();
  const { fall, height, bounce, speed } = bouncingBall(p);
  const field = float64Field(engine, fall);
  const unit = [Float64Array.of(1, 0)];
  const events: Event<Float64Array>[] = [
    {
      name: 'floor',
      when: { field: float64Field(engine, height), unit },
      direction: 'falling',
      then: float64Field(engine, bounce),
    },
    {
      name: 'apex',
      when: { field: float64Field(engine, speed), unit },
      direction: 'falling',
      then: 'record',
    },
  ];
  const problem: Problem<Float64Array> = {
    field,
    y0: [Float64Array.from(y0)],
    ts,
    timeGradients: true,
    events,
    ...more,
  };
  return { engine, problem, events };
}

const weights = [0, 1, -0.7, 0.4, 0.9, -0.3];
/** A loss of everything that a solve gives. */
function lossAndGradient(setting: Setting, method: Method, strategy: GradientStrategy, more = {}) {
  const { engine, problem } = problemOf(setting, more);
  const solution = strategy.solve(problem, method);
  const happened = solution.events!;
  const cot = (i: number, j: number): number => Math.sin(1 + 3 * i + j);
  let loss = 0;
  const ys = solution.ys.map(([y], i) => {
    loss += weights[i]! * (y![0]! + 0.5 * y![1]! ** 2);
    return i === 0 ? undefined : [Float64Array.of(weights[i]!, weights[i]! * y![1]!)];
  });
  const between = solution.between.map(([y]) => {
    loss += 0.3 * y![0]! * y![1]!;
    return [Float64Array.of(0.3 * y![1]!, 0.3 * y![0]!)];
  });
  const events = happened.map(({ t, before, after }, i) => {
    loss +=
      cot(i, 0) * t + cot(i, 1) * before[0]![1]! + cot(i, 2) * after[0]![1]! + cot(i, 3) * after[0]![0]!;
    return {
      t: cot(i, 0),
      before: [Float64Array.of(0, cot(i, 1))],
      after: [Float64Array.of(cot(i, 3), cot(i, 2))],
    };
  });
  return {
    engine,
    solution,
    loss,
    count: happened.length,
    pullback: () => solution.pullback(ys, { events, ...(between.length > 0 && { between }) }),
  };
}

/** dℒ by extrapolated central differences (Ridders). */
function derivative(loss: (by: number) => number): number {
  const rows: number[][] = [];
  let [best, error] = [NaN, Infinity];
  for (let i = 0, h = 2e-4; i < 3; i++, h /= 2) {
    const row = [(loss(h) - loss(-h)) / (2 * h)];
    for (let j = 1, f = 4; j <= i; j++, f *= 4) {
      row.push((row[j - 1]! * f - rows[i - 1]![j - 1]!) / (f - 1));
      const off = Math.max(Math.abs(row[j]! - row[j - 1]!), Math.abs(row[j]! - rows[i - 1]![j - 1]!));
      if (off < error) [best, error] = [row[j]!, off];
    }
    rows.push(row);
  }
  return best;
}

function differences(setting: Setting, method: Method, more = {}) {
  const at = (key: keyof Setting, i: number): number =>
    derivative((by) => {
      const moved = { ...setting, [key]: setting[key].map((x, j) => (j === i ? x + by : x)) };
      const { loss, solution } = lossAndGradient(moved, method, forward, more);
      solution.release();
      return loss;
    });
  return {
    y0: setting.y0.map((_, i) => at('y0', i)),
    p: setting.p.map((_, i) => at('p', i)),
    ts: setting.ts.map((_, i) => at('ts', i)),
  };
}

const strategies = [backprop, symplectic, checkpoint, recompute, stages, binomial({ checkpoints: 3 })];

function close(actual: Iterable<number>, expected: readonly number[], relative: number): void {
  const scale = Math.max(...expected.map(Math.abs));
  [...actual].forEach((x, i) => {
    expect(Math.abs(x - expected[i]!)).toBeLessThan(relative * scale);
  });
}

describe('events', () => {
  it.each<[string, Method, object]>([
    ['rk4, constant steps', rk, {}],
    ['rk4, read between', rk, { between: [0.31, 0.9, 1.7, 3.3] }],
    ['numSteps', { solver: rungeKutta(rk4), stepping: { numSteps: 30 } }, {}],
    ['dopri5, sizes held', heldSteps(dopri5), { between: [0.31, 0.9, 1.7, 3.3] }],
    ['tsit5, sizes held', heldSteps(tsit5), {}],
    ['bosh3, sizes held', heldSteps(bosh3), {}],
    ['cash_karp, sizes held', heldSteps(cashKarp), {}],
  ])('give the gradient of bounces off a moving floor: %s', (_, method, more) => {
    const expected = differences(start, method, more);
    for (const strategy of strategies) {
      const { engine, solution, count, pullback } = lossAndGradient(start, method, strategy, more);
      expect(count).toBeGreaterThan(7);
      for (let again = 0; again < 2; again++) {
        const { y0, parameters, ts } = pullback();
        close(y0[0]!, expected.y0, 1e-8);
        close(parameters[0]!, expected.p, 1e-8);
        close(ts, expected.ts, 1e-8);
        for (const x of [...y0, ...parameters]) engine.release(x);
      }
      solution.release();
      expect(engine.live()).toBe(0);
    }
  });

  it('are the same for every strategy to rounding, with steps that adapt', () => {
    const [first, ...others] = strategies.map((strategy) => {
      const { solution, pullback } = lossAndGradient(start, adaptive, strategy);
      const { y0, parameters, ts } = pullback();
      const all = [...y0[0]!, ...parameters[0]!, ...ts];
      solution.release();
      return all;
    });
    for (const other of others) close(other, first!, 1e-13);
  });

  it('are kept by a solve that stops after them, with the gradient of where it stopped', () => {
    const end = [Float64Array.of(1, -0.5)];
    const run = (y0: readonly number[], gradient = false) => {
      const { problem, engine } = problemOf({ ...start, y0 });
      const maxSteps = 30;
      const solution = symplectic.solve(problem, { ...heldSteps(dopri5), maxSteps, onFailure: 'return' });
      const { failed, stats } = solution;
      const { t, y } = failed!;
      expect(stats.accepted + stats.rejected).toBe(maxSteps);
      expect(solution).toMatchObject({ status: 'max-steps', ts: start.ts.filter((time) => time <= t) });
      expect(solution.events!.length).toBeGreaterThan(3);
      const loss = y[0]![0]! * end[0]![0]! + y[0]![1]! * end[0]![1]!;
      const none = solution.ts.map(() => undefined);
      const pulled = gradient ? solution.pullback(none, { end }) : undefined;
      const y0Bar = [...(pulled?.y0[0] ?? [])];
      for (const x of [...(pulled?.y0 ?? []), ...(pulled?.parameters ?? [])]) engine.release(x);
      solution.release();
      expect(engine.live()).toBe(0);
      return { loss, y0Bar };
    };
    const { y0 } = start;
    const { y0Bar } = run(y0, true);
    y0Bar.forEach((exact, k) => {
      const moved = (by: number): number => run(y0.map((x, i) => (i === k ? x + by : x))).loss;
      const difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      expect(Math.abs(exact - difference)).toBeLessThan(1e-7 * (1 + Math.abs(exact)));
    });
    // A cotangent of that where the solve came to its end is refused.
    const { problem } = problemOf(start);
    const whole = symplectic.solve(problem, adaptive);
    expect(() =>
      whole.pullback(
        start.ts.map(() => undefined),
        { end },
      ),
    ).toThrow('where a solve stopped');
  });

  it('refuse a strategy that does not go back step by step, and what they do not go with', () => {
    const { problem } = problemOf(start);
    expect(() => adjoint.solve(problem, adaptive)).toThrow(/serves no events/);
    const rows = { times: [0.5, 1], rows: [0, 1], count: 2 };
    expect(() => symplectic.solve({ ...problem, rows }, adaptive)).toThrow(/do not go with `rows`/);
  });

  it('leave nothing alive when a condition or a jump throws, or the solve is aborted', () => {
    for (const which of ['when', 'then', 'abort'] as const) {
      const { engine, problem, events } = problemOf(start);
      let calls = 0;
      const failing = <T extends object>(field: T, every: number): T => ({
        ...field,
        evaluate: (...given: never[]) => {
          if (++calls > every) throw new Error('on purpose');
          return (field as { evaluate: (...given: never[]) => unknown }).evaluate(...given);
        },
      });
      const [floor, apex] = events as [Event<Float64Array>, Event<Float64Array>];
      const { when, then } = floor;
      const broken: Event<Float64Array> = {
        ...floor,
        ...(which === 'when' && { when: { ...when, field: failing(when.field, 60) } }),
        ...(which === 'then' && typeof then === 'object' && { then: failing(then, 2) }),
      };
      const controller = new AbortController();
      let steps = 0;
      const onStep = (): void => {
        if (which === 'abort' && ++steps > 5) controller.abort();
      };
      const solve = () =>
        symplectic.solve(
          { ...problem, events: [broken, apex] },
          { ...adaptive, signal: controller.signal, onStep },
        );
      expect(solve, which).toThrow(which === 'abort' ? /aborted/ : /on purpose/);
      expect(engine.live()).toBe(0);
    }
  });
});

/** (cos, sin)-like rotation with angular speed ω = θ: y′ = (v, −ω² y). */
const oscillator = (omega: number): HandWrittenField => ({
  parameters: [Float64Array.of(omega)],
  value: (_, y, [w]) => Float64Array.of(y[1]!, -(w![0]! ** 2) * y[0]!),
  pullback: (_, y, [w], k) => ({
    t: 0,
    y: Float64Array.of(-(w![0]! ** 2) * k[1]!, k[0]!),
    parameters: [Float64Array.of(-2 * w![0]! * y[0]! * k[1]!)],
  }),
});
/** g = y₀ − level(t), without parameters of its own. */
const above = (level: (t: number) => number, slope: (t: number) => number = () => 0): HandWrittenField => ({
  parameters: [new Float64Array(1)],
  value: (t, y) => Float64Array.of(y[0]! - level(t), 0),
  pullback: (t, _y, _p, k) => ({
    t: -slope(t) * k[0]!,
    y: Float64Array.of(k[0]!, 0),
    parameters: [new Float64Array(1)],
  }),
});
const unit = [Float64Array.of(1, 0)];

function swing(
  ts: readonly number[],
  given: (Partial<Event<Float64Array>> & { level?: number; g?: HandWrittenField; jump?: HandWrittenField })[],
  method = fine,
) {
  const engine = createFloat64Engine();
  const events = given.map(
    ({ level = 0, g = above(() => level), jump, ...event }, i): Event<Float64Array> => ({
      name: `event ${i}`,
      then: jump ? float64Field(engine, jump) : 'record',
      when: { field: float64Field(engine, g), unit },
      ...event,
    }),
  );
  const problem: Problem<Float64Array> = {
    field: float64Field(engine, oscillator(2)),
    y0: [Float64Array.of(1, 0)],
    ts,
    events,
  };
  const solution = symplectic.solve(problem, method);
  return { engine, solution, events: solution.events!, times: solution.events!.map(({ t }) => t) };
}
const fine: Method = { solver: rungeKutta(dopri5), stepping: { rtol: 1e-11, atol: 1e-11, controller: pi } };

describe('events of an oscillator, cos 2t', () => {
  it('happen where the closed form says, in the direction that is asked for', () => {
    const { events } = swing([0, 6], [{}, { direction: 'rising' }, { direction: 'falling', level: 0.5 }]);
    const expected = [
      ...[1, 3, 5, 7].map((n) => [(n * Math.PI) / 4, 0]),
      ...[3, 7].map((n) => [(n * Math.PI) / 4, 1]),
      ...[1, 7].map((n) => [(n * Math.PI) / 6, 2]),
    ].sort(([a, i], [b, j]) => a! - b! || i! - j!);
    expect(events.map(({ event }) => event)).toEqual(expected.map(([, event]) => event));
    events.forEach(({ t }, i) => {
      expect(t).toBeCloseTo(expected[i]![0]!, 9);
    });
  });

  it('have the derivative of the time in closed form: t* = π/2ω', () => {
    const { solution } = swing([0, 3], [{ then: 'stop' }]);
    const { parameters, y0 } = solution.pullback([undefined], { events: [{ t: 1 }] });
    // g = cos ωt y₀ + sin ωt v₀/ω.
    expect(parameters[0]![0]).toBeCloseTo(-Math.PI / (2 * 4), 8);
    expect(y0[0]![1]).toBeCloseTo(1 / 4, 8);
    expect(y0[0]![0]).toBeCloseTo(0, 8);
  });

  it('stop the solve: outputs after it are not there, one at its very time is', () => {
    const { solution } = swing([0, 0.5, 2, 3], [{ then: 'stop' }]);
    expect(solution.status).toBe('event');
    expect(solution.ts).toEqual([0, 0.5]);
    expect(solution.ys).toHaveLength(2);
    const free = swing([0, 0.5, 3], [{ level: 5, then: 'stop' }]);
    expect(free.solution.status).toBe('end');
    expect(free.solution.ys).toHaveLength(3);
  });

  it('serve times that go back', () => {
    const { times } = swing([0, -3], [{}]);
    expect(times.map((t) => t.toFixed(8))).toEqual([1, 3].map((n) => ((-n * Math.PI) / 4).toFixed(8)));
  });

  it('are found several to a step, at the ends of steps too, and none at a graze', () => {
    const wide: Method = { solver: rungeKutta(dopri5), stepping: { numSteps: 2 } };
    // Two crossings within one step of length 1.5: of a line that bends down and up again.
    const engine = createFloat64Engine();
    const still: HandWrittenField = {
      parameters: [new Float64Array(1)],
      value: () => Float64Array.of(1, 0),
      pullback: (_t, _y, _p, k) => ({
        t: 0,
        y: Float64Array.of(0, 0 * k[0]!),
        parameters: [new Float64Array(1)],
      }),
    };
    const times = (
      g: (t: number) => number,
      slope: (t: number) => number,
      direction?: 'rising' | 'falling',
    ) => {
      const condition: HandWrittenField = {
        parameters: [new Float64Array(1)],
        value: (t) => Float64Array.of(g(t), 0),
        pullback: (t, _y, _p, k) => ({
          t: slope(t) * k[0]!,
          y: new Float64Array(2),
          parameters: [new Float64Array(1)],
        }),
      };
      const solution = symplectic.solve(
        {
          field: float64Field(engine, still),
          y0: [Float64Array.of(0, 0)],
          ts: [0, 3],
          events: [
            {
              name: 'g',
              when: { field: float64Field(engine, condition), unit },
              then: 'record',
              ...(direction && { direction }),
            },
          ],
        },
        wide,
      );
      const found = solution.events!.map(({ t }) => t);
      solution.release();
      return found;
    };
    const two = times(
      (t) => (t - 0.2) * (t - 0.7),
      (t) => 2 * t - 0.9,
    );
    expect(two).toHaveLength(2);
    expect(two[0]).toBeCloseTo(0.2, 13);
    expect(two[1]).toBeCloseTo(0.7, 13);
    // On the end of the first step, and on a look within it.
    expect(
      times(
        (t) => t - 1.5,
        () => 1,
      ),
    ).toEqual([1.5]);
    expect(
      times(
        (t) => t - 0.375,
        () => 1,
      ),
    ).toEqual([0.375]);
    expect(
      times(
        (t) => 1.5 - t,
        () => -1,
        'rising',
      ),
    ).toEqual([]);
    // Touches zero at the end of a step, and starts at zero.
    expect(
      times(
        (t) => (t - 1.5) ** 2,
        (t) => 2 * (t - 1.5),
      ),
    ).toEqual([]);
    expect(
      times(
        (t) => t,
        () => 1,
      ),
    ).toEqual([]);
    expect(
      times(
        (t) => Math.sin(t),
        (t) => Math.cos(t),
      ),
    ).toEqual([]);
    expect(engine.live()).toBe(0);
  });

  it('that happen together follow each other at one time', () => {
    const flip: HandWrittenField = {
      parameters: [new Float64Array(1)],
      value: (_, y) => Float64Array.of(y[0]!, -y[1]!),
      pullback: (_t, _y, _p, k) => ({
        t: 0,
        y: Float64Array.of(k[0]!, -k[1]!),
        parameters: [new Float64Array(1)],
      }),
    };
    const { events } = swing(
      [0, 2],
      [
        { jump: flip, direction: 'falling' },
        { jump: flip, direction: 'falling' },
      ],
    );
    expect(events.slice(0, 2).map(({ event }) => event)).toEqual([0, 1]);
    expect(events[0]!.t).toBe(events[1]!.t);
    expect(events[1]!.before).toBe(events[0]!.after);
    // Twice flipped it goes on as it came.
    expect([...events[1]!.after[0]!]).toEqual([...events[0]!.before[0]!]);
  });

  it('are counted: at most so many of one, and not more jumps than maxEvents', () => {
    expect(swing([0, 6], [{ atMost: 2 }]).times).toHaveLength(2);
    const { engine, problem } = problemOf(start, { maxEvents: 3 });
    const ledger = createLedger();
    expect(() => symplectic.solve(problem, { ...adaptive, ledger })).toThrow(
      expect.objectContaining({ code: 'max-events' }),
    );
    expect(engine.live()).toBe(0);
    expect(ledger.bytes).toBe(0);
  });

  it('have no derivative of their time where the condition is flat', () => {
    const cube: HandWrittenField = {
      parameters: [new Float64Array(1)],
      value: (t) => Float64Array.of((t - 1) ** 3, 0),
      pullback: (t, _y, _p, k) => ({
        t: 3 * (t - 1) ** 2 * k[0]!,
        y: new Float64Array(2),
        parameters: [new Float64Array(1)],
      }),
    };
    const { solution, times } = swing([0, 2], [{ g: cube }], { ...fine, stepping: { numSteps: 1 } });
    expect(times).toEqual([1]);
    expect(() => solution.pullback([undefined, undefined], { events: [{ t: 1 }] })).toThrow(
      /has no derivative/,
    );
  });
});
