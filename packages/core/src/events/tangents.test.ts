import {
  bouncingBall,
  relativeError,
  runEventTrial,
  type EventOutcome,
  type EventTrial,
  type HandWrittenField,
} from '@odegrad/testkit';
import { symplectic } from '@odegrad/grad-symplectic';
import { backprop } from '@odegrad/grad-backprop';
import { binomial, checkpoint, online, recompute, resolve, stages } from '@odegrad/grad-checkpoint';
import { bosh3, cashKarp, dopri5, fehlberg45, rk4, tsit5 } from '@odegrad/tableaux';
import { describe, expect, it } from 'vitest';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { pi } from '../stepping/controllers.ts';
import type { Method } from '../types/problem.ts';
import type { GradientStrategy } from '../types/plugin.ts';
import type { ButcherTableau } from '../types/tableau.ts';

// Tangents are carried forward through whole solves. Step sizes that a controller chose are constants there as they are in the pullback,
// also the one with which a solve goes on after a jump; steps of a constant size fill what is left, which the time of the event ends.

const few = [backprop, symplectic, binomial({ checkpoints: 3 })];
const all = [...few, checkpoint, recompute, resolve, stages, online({ checkpoints: 4 })];

const { fall, height, bounce, speed } = bouncingBall([0.1, 0.92, 0.02]);
const floor = { when: height, then: bounce, direction: 'falling' } as const;
const ball: Omit<EventTrial, 'method'> = {
  field: fall,
  y0: Float64Array.of(1, 0.3),
  ts: [0, 1, 2.5, 4, 6.1],
  between: [0.31, 0.9, 1.7, 3.3, 5.9],
  events: [floor, { when: speed, then: 'record', direction: 'falling' }],
};
const by = (tableau: ButcherTableau, stepping: Method['stepping']): Method => ({
  solver: rungeKutta(tableau),
  stepping,
});
// A fall of a second or more in one step, read near its start, has few digits: 1e-12 asks for shorter ones.
const adaptive = (tableau: ButcherTableau, rtol = 1e-6): Method =>
  by(tableau, { rtol, atol: rtol, controller: pi, maxStep: 0.5 });

const countOf = ({ happened }: EventOutcome, which: number): number =>
  happened.filter(({ event }) => event === which).length;

/** Compares the gradients of some strategies with the tangents; gives one outcome. */
function expectExact(trial: EventTrial, strategies: readonly GradientStrategy[] = few): EventOutcome {
  const outcomes = strategies.map((strategy) => runEventTrial(strategy, trial));
  const expected = outcomes[0]!.expected();
  for (const { gradient, repeated, live, bytes } of outcomes) {
    expect(relativeError(gradient, expected)).toBeLessThan(1e-12);
    expect(repeated).toEqual(gradient);
    expect({ live, bytes }).toEqual({ live: 0, bytes: 0 });
  }
  return outcomes[0]!;
}

/** g = t − 10 drag, a condition of the time alone; `late` moves it. */
const clock = (late = 0): HandWrittenField => ({
  ...speed,
  value: (t, _, [p]) => Float64Array.of(t - 10 * p![0]! - late, 0),
  pullback: (_t, _y, _p, k) => ({
    t: k[0]!,
    y: new Float64Array(2),
    parameters: [Float64Array.of(-10 * k[0]!, 0, 0)],
  }),
});
/** g = height − level. */
const above = (level: number): HandWrittenField => ({
  ...speed,
  value: (_, y) => Float64Array.of(y[0]! - level, 0),
  pullback: (_t, _y, _p, k) => ({
    t: 0,
    y: Float64Array.of(k[0]!, 0),
    parameters: [new Float64Array(3)],
  }),
});
/** g = (t − 1)², which touches zero. */
const touch: HandWrittenField = {
  ...speed,
  value: (t) => Float64Array.of((t - 1) ** 2, 0),
  pullback: (t, _y, _p, k) => ({
    t: 2 * (t - 1) * k[0]!,
    y: new Float64Array(2),
    parameters: [new Float64Array(3)],
  }),
};

describe('the gradient of ten bounces is that of tangents carried forward', () => {
  const isOnKnot = new Map([[2, { output: false, jump: false }]]);
  it.each<[string, Method, Partial<EventTrial>]>([
    ['rk4, whose interpolant is the cubic of Hermite', by(rk4, { stepSize: 0.0613 }), {}],
    ['rk4, so many steps', by(rk4, { numSteps: 24 }), { knots: isOnKnot }],
    ['dopri5, constant steps', by(dopri5, { stepSize: 0.1 }), {}],
    ['dopri5, adaptive', adaptive(dopri5), {}],
    ['dopri5, adaptive, with a knot', adaptive(dopri5), { knots: isOnKnot }],
    ['dopri5, adaptive, read off a dense solution', adaptive(dopri5), { dense: true }],
    ['rk4, read off a dense solution', by(rk4, { numSteps: 24 }), { dense: true }],
    ['dopri5, adaptive, at the ends of all steps', adaptive(dopri5), { steps: true }],
    ['tsit5, adaptive', adaptive(tsit5), {}],
    ['bosh3, adaptive', adaptive(bosh3, 1e-4), {}],
    ['cash_karp, adaptive', adaptive(cashKarp), {}],
    ['fehlberg45, adaptive', adaptive(fehlberg45), {}],
  ])('%s', (_, method, more) => {
    const outcome = expectExact({ ...ball, ...more, method }, all);
    expect(countOf(outcome, 0)).toBeGreaterThan(9);
    expect(countOf(outcome, 1)).toBeGreaterThan(9);
  });

  it.each<[string, Method]>([
    ['rk4', by(rk4, { stepSize: 0.1 })],
    ['dopri5, adaptive', adaptive(dopri5)],
    ['bosh3, adaptive', adaptive(bosh3, 1e-4)],
  ])('back in time: %s', (_, method) => {
    const outcome = expectExact({ ...ball, ts: [1, 0, -1, -4, -7], between: [0.5, -3.3], method }, all);
    expect(countOf(outcome, 0)).toBeGreaterThan(9);
  });
});

describe.each<[string, Method]>([
  ['rk4', by(rk4, { stepSize: 0.25 })],
  ['dopri5, adaptive', adaptive(dopri5)],
])('so is that of events: %s', (_, method) => {
  const one = { ...ball, method, between: [0.31, 1, 1.7] };

  it('on an output, of which the state is the one before', () => {
    const events = [{ when: clock(), then: bounce }];
    const { happened, ys } = expectExact({ ...one, events, ts: [0, 1, 2] });
    expect(happened).toEqual([{ event: 0, t: 1 }]);
    const free = runEventTrial(symplectic, {
      ...one,
      events: [{ when: touch, then: bounce }],
      ts: [0, 1, 2],
    });
    expect(ys[1]).toEqual(free.ys[1]);
    expect(ys[2]).not.toEqual(free.ys[2]);
  });

  it('on a step end, and on a time that is read', () => {
    const events = [{ when: clock(), then: bounce }];
    expect(expectExact({ ...one, events, ts: [0, 2] }).happened[0]!.t).toBeCloseTo(1, 14);
  });

  it.each([1e-9, -1e-9, 1e-13, -1e-13])('next to an output, by %f', (late) => {
    const events = [{ when: clock(late), then: bounce }];
    expectExact({ ...one, events, ts: [0, 1, 2] });
  });

  it('within the step that was to land on an output, and on the last', () => {
    const events = [floor, { when: clock(-0.01), then: bounce }];
    expectExact({ ...one, events, ts: [0, 1, 2] });
    expectExact({ ...one, events, ts: [0, 1], between: [0.31, 0.995] });
  });

  it('two in one step', () => {
    const wide = by(method.solver.tableau!, { numSteps: 1 });
    const level = { when: above(1.03), then: 'record', looks: 32 } as const;
    const events = [level, floor, { when: clock(-0.1), then: bounce }, { when: clock(-0.05), then: bounce }];
    const { happened } = expectExact({ ...one, y0: Float64Array.of(1, 1), events, ts: [0, 2], method: wide });
    expect(happened.map(({ event }) => event).slice(0, 5)).toEqual([0, 0, 1, 2, 3]);
  });

  it('that happen together, and one that stops the solve', () => {
    const then = [bounce, 'record', bounce, 'stop'] as const;
    const events = then.map((what) => ({ when: clock(), then: what }));
    const { happened, status, ys } = expectExact({ ...one, events, ts: [0, 0.7, 2], between: [0.31, 0.8] });
    expect(happened).toEqual([0, 1, 2, 3].map((event) => ({ event, t: happened[0]!.t })));
    expect({ status, outputs: ys.length }).toEqual({ status: 'event', outputs: 2 });
  });

  it('where a condition touches zero and none happens', () => {
    expect(expectExact({ ...one, events: [{ when: touch, then: bounce }], ts: [0, 2] }).happened).toEqual([]);
  });
});
