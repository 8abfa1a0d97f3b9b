import { createLedger, pi, rungeKutta, SolveError, type ButcherTableau, type Method } from '@odegrad/core';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import { bosh3, dopri5, rk4 } from '@odegrad/tableaux';
import {
  bouncingBall,
  createFloat64Engine,
  float64Field,
  relativeError,
  runEventTrial,
  type EventOutcome,
  type EventTrial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { auto } from './index.ts';

/** Budgets are tried five times as close together. */
const ALL = Boolean(process.env['ODEGRAD_ALL']);

const { fall, height, bounce, speed } = bouncingBall([0.1, 0.92, 0.02]);
const floor = { when: height, then: bounce, direction: 'falling' } as const;
const apex = { when: speed, then: 'record', direction: 'falling' } as const;
const about = {
  field: { ...fall, activationBytes: 100 },
  y0: Float64Array.of(1, 0.3),
  ts: [0, 1, 2.5, 4, 5.5],
  events: [floor],
};
const fixed = (tableau: ButcherTableau, stepSize: number): Method => ({
  solver: rungeKutta(tableau),
  stepping: { stepSize },
});
const adaptive = (tableau: ButcherTableau, rtol: number): Method => ({
  solver: rungeKutta(tableau),
  stepping: { rtol, atol: rtol, controller: pi, maxStep: 0.5 },
});

/** A solve within a budget, or the budget that it asks for. */
function tryWith(maxBytes: number, trial: EventTrial): EventOutcome | number {
  try {
    return runEventTrial(auto({ maxBytes }), trial);
  } catch (error) {
    if (error instanceof SolveError && error.code === 'over-budget') return error.leastBytes!;
    throw error;
  }
}

/** The least budget that is enough: each error asks for more, until one is. */
function leastOf(trial: EventTrial): number {
  let maxBytes = 1;
  for (;;) {
    const tried = tryWith(maxBytes, trial);
    if (typeof tried !== 'number') return maxBytes;
    expect(tried).toBeGreaterThan(maxBytes);
    maxBytes = tried;
  }
}

describe.each<[string, Method]>([
  ['rk4', fixed(rk4, 0.1)],
  ['dopri5, adaptive', adaptive(dopri5, 1e-7)],
  ['bosh3, adaptive', adaptive(bosh3, 1e-4)],
])('auto with ten bounces: %s', (_, method) => {
  it.each<[string, Partial<EventTrial>]>([
    ['alone', {}],
    ['with tops recorded and states read between', { events: [floor, apex], between: [0.31, 0.9, 1.7, 3.3] }],
    ['of a field with many activations', { field: { ...fall, activationBytes: 2000 } }],
    ['of a condition with many', { events: [{ ...floor, when: { ...height, activationBytes: 900 } }] }],
  ])('keeps its budget over all of them: %s', (_about, more) => {
    const trial = { ...about, ...more, method };
    const reference = runEventTrial(backprop, trial);
    expect(reference.happened.filter(({ event }) => event === 0).length).toBeGreaterThan(9);
    const [least, top] = [leastOf(trial), 2.4 * reference.stats.bytesPeak];
    for (let maxBytes = least; maxBytes < top; maxBytes += Math.ceil((top - least) / (ALL ? 40 : 8))) {
      const outcome = tryWith(maxBytes, trial) as EventOutcome;
      expect(outcome.stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
      expect(outcome).toMatchObject({ live: 0, bytes: 0, happened: reference.happened });
      expect(relativeError(outcome.gradient, reference.gradient)).toBeLessThan(1e-13);
      expect(relativeError(outcome.repeated, reference.gradient)).toBeLessThan(1e-13);
    }
    // A small budget is a small one, and steps that are taken again are counted as such.
    expect(least).toBeLessThan(reference.stats.bytesPeak / 4);
    const small = tryWith(least, trial) as EventOutcome;
    expect(small.forward.accepted).toBe(small.stats.accepted);
    expect(small.stats.extraSteps).toBeGreaterThan(reference.stats.accepted);
  });
});

describe('auto with events', () => {
  const trial = { ...about, method: adaptive(dopri5, 1e-7) };

  it('takes no step again where twice the bytes of backprop are there', () => {
    const { stats, gradient } = runEventTrial(backprop, trial);
    const plenty = runEventTrial(auto({ maxBytes: 2 * stats.bytesPeak + 2000 }), trial);
    expect(plenty.gradient).toEqual(gradient);
    // All but the last part once, for the second pullback.
    expect(plenty.stats.extraSteps).toBeLessThan(stats.accepted);
  });

  it('gives all of a budget to a solve that one event stops', () => {
    const events = [{ when: height, then: 'stop' }] as const;
    const one = { ...trial, events };
    const { stats, gradient } = runEventTrial(backprop, one);
    const budgeted = runEventTrial(auto({ maxBytes: stats.bytesPeak + 1000 }), one);
    expect(budgeted.status).toBe('event');
    expect(budgeted.gradient).toEqual(gradient);
    expect(budgeted.forward.evaluationsBackward).toBe(0);
  });

  it('heeds the budget of the solve, and none is kept by a strategy that keeps to none', () => {
    const [maxBytes] = [leastOf(trial)];
    const method = { ...trial.method, maxBytes };
    expect(runEventTrial(auto(), { ...trial, method }).stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
    expect(runEventTrial(symplectic, { ...trial, method }).gradient).toEqual(
      runEventTrial(symplectic, trial).gradient,
    );
    expect(() => runEventTrial(auto(), trial)).toThrow(/give `maxBytes`/);
  });

  it('leaves nothing alive where a pullback is left half-way, also while a part is solved again', () => {
    const maxBytes = leastOf(trial) + 400;
    const phases = new Set<string>();
    for (let steps = 1; steps < 60; steps += 4) {
      const engine = createFloat64Engine();
      const unit = [Float64Array.of(1, 0)];
      const event = {
        name: 'floor',
        when: { field: float64Field(engine, height), unit },
        direction: 'falling',
        then: float64Field(engine, bounce),
      } as const;
      const ledger = createLedger();
      const solution = auto({ maxBytes }).solve(
        { field: float64Field(engine, about.field), y0: [about.y0], ts: about.ts, events: [event] },
        { ...trial.method, ledger },
      );
      const pullback = solution.pullbackBySteps!(about.ts.map(() => [Float64Array.of(1, 0.5)]));
      for (let i = 0; i < steps; i++) {
        const { value, done } = pullback.next();
        expect(done).toBe(false);
        if (!done) phases.add(value.phase);
      }
      pullback.return(undefined as never);
      expect({ live: engine.live(), bytes: ledger.bytes }).toEqual({ live: 0, bytes: 0 });
      expect(() => solution.pullback(about.ts.map(() => undefined))).toThrow();
    }
    expect([...phases].sort()).toEqual(['backward', 'forward']);
  });

  it('has room for what is recorded, however much within a part', () => {
    const wave = {
      ...speed,
      value: (t: number) => Float64Array.of(Math.sin(40 * t), 0),
      pullback: (t: number, _y: unknown, _p: unknown, k: Float64Array) => ({
        t: 40 * Math.cos(40 * t) * k[0]!,
        y: new Float64Array(2),
        parameters: [new Float64Array(3)],
      }),
    };
    const many = {
      ...trial,
      ts: [0, 1.5],
      events: [floor, { when: wave, then: 'record', looks: 32 } as const],
    };
    const reference = runEventTrial(backprop, many);
    expect(reference.happened.length).toBeGreaterThan(20);
    const least = leastOf(many);
    const { stats, happened, gradient } = tryWith(least, many) as EventOutcome;
    expect(stats.bytesPeak).toBeLessThanOrEqual(least);
    expect(happened).toEqual(reference.happened);
    expect(relativeError(gradient, reference.gradient)).toBeLessThan(1e-13);
  });
});
