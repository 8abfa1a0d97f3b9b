import { createFloat64Engine, float64Field, type HandWrittenField } from '@odegrad/testkit';
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
import type { Method, Problem, StepSizeController } from '../types/problem.ts';
import type { GradientStrategy } from '../types/plugin.ts';

/** θ = drag, restitution, amplitude of the floor. */
type P = readonly Float64Array[];
const theta = (p: P) => p[0]!;

const ball = (p: P): HandWrittenField => ({
  parameters: p,
  value: (_, y, q) => Float64Array.of(y[1]!, -9.81 - theta(q)[0]! * y[1]!),
  pullback: (_, y, q, k) => ({
    t: 0,
    y: Float64Array.of(0, k[0]! - theta(q)[0]! * k[1]!),
    parameters: [Float64Array.of(-y[1]! * k[1]!, 0, 0)],
  }),
});
/** The height above a floor that moves by a sin 2t, in the first entry. */
const height = (p: P): HandWrittenField => ({
  parameters: p,
  value: (t, y, q) => Float64Array.of(y[0]! - theta(q)[2]! * Math.sin(2 * t), 0),
  pullback: (t, _, q, k) => ({
    t: -2 * theta(q)[2]! * Math.cos(2 * t) * k[0]!,
    y: Float64Array.of(k[0]!, 0),
    parameters: [Float64Array.of(0, 0, -Math.sin(2 * t) * k[0]!)],
  }),
});
/** A bounce off it: v ↦ −e v + (1 + e) 2a cos 2t. */
const bounce = (p: P): HandWrittenField => ({
  parameters: p,
  value: (t, y, q) => {
    const [, e, a] = theta(q) as unknown as [number, number, number];
    return Float64Array.of(y[0]!, -e * y[1]! + (1 + e) * 2 * a * Math.cos(2 * t));
  },
  pullback: (t, y, q, k) => {
    const [, e, a] = theta(q) as unknown as [number, number, number];
    const c = 2 * Math.cos(2 * t);
    return {
      t: -(1 + e) * 4 * a * Math.sin(2 * t) * k[1]!,
      y: Float64Array.of(k[0]!, -e * k[1]!),
      parameters: [Float64Array.of(0, (a * c - y[1]!) * k[1]!, (1 + e) * c * k[1]!)],
    };
  },
});
const speed: HandWrittenField = {
  parameters: [new Float64Array(3)],
  value: (_, y) => Float64Array.of(y[1]!, 0),
  pullback: (_t, _y, _p, k) => ({ t: 0, y: Float64Array.of(0, k[0]!), parameters: [new Float64Array(3)] }),
};

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

interface Setting {
  readonly y0: readonly number[];
  readonly p: readonly number[];
  readonly ts: readonly number[];
}

const start: Setting = { y0: [1, 0.3], p: [0.1, 0.92, 0.02], ts: [0, 1, 2.5, 4] };

function problemOf({ y0, p, ts }: Setting, more: Partial<Problem<Float64Array>> = {}) {
  const engine = createFloat64Engine();
  const parameters = [Float64Array.from(p)];
  const field = float64Field(engine, ball(parameters));
  const unit = [Float64Array.of(1, 0)];
  const events: Event<Float64Array>[] = [
    {
      name: 'floor',
      when: { field: float64Field(engine, height(parameters)), unit },
      direction: 'falling',
      then: float64Field(engine, bounce(parameters)),
    },
    { name: 'apex', when: { field: float64Field(engine, speed), unit }, direction: 'falling', then: 'record' },
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
    loss += cot(i, 0) * t + cot(i, 1) * before[0]![1]! + cot(i, 2) * after[0]![1]! + cot(i, 3) * after[0]![0]!;
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
});
