import {
  createFloat64Engine,
  float64Field,
  neuralField,
  noiseVector,
  scalarField,
  spiral,
} from '@odegrad/testkit';
import { symplectic } from '@odegrad/grad-symplectic';
import { adjoint } from '@odegrad/grad-adjoint';
import { backprop } from '@odegrad/grad-backprop';
import { dopri5, rk4 } from '@odegrad/tableaux';
import { describe, expect, it } from 'vitest';
import { createLedger } from '../memory/ledger.ts';
import { ArgumentError, SolveError } from '../arguments/errors.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { forward } from './schedule.ts';
import type { Method } from '../types/problem.ts';
import { pi } from '../stepping/controllers.ts';
import { stream } from './stream.ts';

const adaptive: Method = {
  solver: rungeKutta(dopri5),
  stepping: { rtol: 1e-5, atol: 1e-7, controller: pi },
};
const fixed: Method = { solver: rungeKutta(rk4), stepping: { stepSize: 0.25 } };
const y0 = noiseVector(3, 2);

function problemOf(ts: readonly number[]) {
  const engine = createFloat64Engine();
  return { engine, problem: { field: float64Field(engine, spiral), y0: [y0], ts } };
}

describe('the steps of a problem', () => {
  it.each([
    ['adaptive', adaptive],
    ['constant', fixed],
  ])('are those of a solve, %s', (_, method) => {
    const { engine, problem } = problemOf([0, 1.5]);
    const ends: number[] = [];
    const solved = forward.solve(problem, { ...method, onStep: ({ t }) => void ends.push(t) });
    const seen: number[] = [];
    let last = y0;
    for (const { t, y, norm } of stream(problem, method)) {
      seen.push(t);
      last = y[0]!.slice();
      expect(norm).toBeCloseTo(Math.hypot(...last), 14);
    }
    expect(seen).toEqual(ends);
    expect(last).toEqual(solved.ys[1]![0]!.slice());
    solved.release();
    expect(engine.live()).toBe(0);
  });

  it.each([
    ['forward', Infinity],
    ['backward', -Infinity],
  ])('go on without an end, %s, until the loop is left, which frees everything', (_, end) => {
    for (const method of [adaptive, fixed]) {
      const { engine, problem } = problemOf([0.5, end]);
      const ledger = createLedger();
      let [count, before] = [0, 0.5];
      for (const { t, h, steps } of stream(problem, { ...method, ledger })) {
        expect(steps).toBe(++count);
        expect(Math.sign(h)).toBe(Math.sign(end));
        expect(t).toBe(before + h);
        before = t;
        if (method === fixed) expect(t).toBe(0.5 + Math.sign(end) * 0.25 * count);
        if (count === 40) break;
      }
      expect(count).toBe(40);
      expect({ live: engine.live(), bytes: ledger.bytes }).toEqual({ live: 0, bytes: 0 });
    }
  });

  it('are refused before the first where they would get nowhere', () => {
    const refusal = (ts: readonly number[], method: Method): string => {
      const { problem } = problemOf(ts);
      let message = 'no error';
      try {
        stream(problem, method).next();
      } catch (error) {
        expect(error).toBeInstanceOf(ArgumentError);
        message = (error as Error).message;
      }
      return message;
    };
    expect(refusal([0, Infinity], { ...fixed, stepping: { numSteps: 4 } })).toContain(
      'give one, or `stepSize`',
    );
    expect(refusal([1e17, Infinity], fixed)).toContain('lost beside the start, t = 100000000000000000');
    expect(refusal([0, 1, -Infinity], fixed)).toContain('turns back between ts[1] = 1 and ts[2] = -Infinity');
    expect(refusal([0, Infinity, Infinity], fixed)).toContain('`ts[1]` is Infinity');
    expect(refusal([Infinity], fixed)).toContain('`ts[0]` is Infinity');
    expect(refusal([0, NaN], fixed)).toContain('`ts[1]` is NaN');
    const intolerant = { ...adaptive, stepping: { rtol: 0, atol: 0, controller: pi } };
    expect(refusal([0, Infinity], intolerant)).toContain('are both 0');
  });

  it.each([
    ['f has no value beyond a time', (y: number) => -1 / Math.sqrt(y), 'No step gets past t = 0.666', 0.66],
    ['the solution no longer changes', () => 0, 'The time outgrows all numbers', 1e300],
  ])('end with an error where %s', (_, slope, message, least) => {
    const engine = createFloat64Engine();
    const field = scalarField(
      1,
      (_t, y) => slope(y),
      () => [0, 0, 0],
    );
    const problem = { field: float64Field(engine, field), y0: [Float64Array.of(1)], ts: [0, Infinity] };
    let t = 0;
    const walk = (): void => {
      for (const reached of stream(problem, { ...adaptive, maxSteps: 5000 })) t = reached.t;
    };
    expect(walk).toThrow(SolveError);
    expect(walk).toThrow(message);
    expect(t).toBeGreaterThan(least);
    expect(engine.live()).toBe(0);
  });

  it('free everything where the loop, f or a signal ends them', () => {
    const ends: Record<string, (stop: AbortController) => void> = {
      'thrown in the loop': () => {
        throw new Error('thrown in the loop');
      },
      aborted: (stop) => {
        stop.abort();
      },
    };
    for (const [message, end] of Object.entries(ends)) {
      const { engine, problem } = problemOf([0, Infinity]);
      const [stop, ledger] = [new AbortController(), createLedger()];
      const walk = (): void => {
        for (const { steps } of stream(problem, { ...adaptive, signal: stop.signal, ledger }))
          if (steps === 7) end(stop);
      };
      expect(walk).toThrow(message);
      expect({ live: engine.live(), bytes: ledger.bytes }).toEqual({ live: 0, bytes: 0 });
    }
  });
});

describe.each([symplectic, backprop, adjoint].map((strategy) => [strategy.name, strategy] as const))(
  '%s step by step',
  (_, strategy) => {
    const open = () => {
      const engine = createFloat64Engine();
      const problem = {
        field: float64Field(engine, neuralField(2, 3)),
        y0: [noiseVector(3, 2)],
        ts: [0, 0.5, 1],
      };
      const ledger = createLedger();
      return { engine, problem, ledger, method: { ...adaptive, ledger } };
    };
    const cotangents = [undefined, [noiseVector(5, 2)], [noiseVector(6, 2)]];

    it('gives what it gives in one go, and pauses at each step', () => {
      const { engine, problem, method, ledger } = open();
      const whole = strategy.solve(problem, method);
      const expected = whole.pullback(cotangents);
      const solving = strategy.solveBySteps!(problem, method);
      let pauses = 0;
      let next = solving.next();
      for (; !next.done; next = solving.next()) pauses += 1;
      const solved = next.value;
      expect(pauses).toBe(ledger.accepted / 2);
      expect(solved.ys.map(([y]) => y!.slice())).toEqual(whole.ys.map(([y]) => y!.slice()));
      const pulling = solved.pullbackBySteps!(cotangents);
      let pulled = pulling.next();
      expect(pulled.done).toBe(false);
      expect(() => solved.pullback(cotangents)).toThrow('under way');
      while (!pulled.done) pulled = pulling.next();
      expect(pulled.value).toEqual(expected);
      for (const x of [...expected.y0, ...expected.parameters]) engine.release(x);
      for (const x of [...pulled.value.y0, ...pulled.value.parameters]) engine.release(x);
      whole.release();
      solved.release();
      expect({ live: engine.live(), bytes: ledger.bytes }).toEqual({ live: 0, bytes: 0 });
    });

    it('leaves nothing where it is left half-way, forward, backward, or by a release', () => {
      const { engine, problem, method, ledger } = open();
      const nothing = (): void => {
        expect({ live: engine.live(), bytes: ledger.bytes, phase: ledger.phase }).toEqual({
          live: 0,
          bytes: 0,
          phase: 'forward',
        });
      };
      const solving = strategy.solveBySteps!(problem, method);
      solving.next();
      solving.return(undefined as never);
      nothing();
      const left = strategy.solve(problem, method);
      const pulling = left.pullbackBySteps!(cotangents);
      pulling.next();
      pulling.return(undefined as never);
      nothing();
      expect(() => left.pullback(cotangents)).toThrow('released');
      const released = strategy.solve(problem, method);
      const interrupted = released.pullbackBySteps!(cotangents);
      interrupted.next();
      released.release();
      nothing();
      expect(() => interrupted.next()).toThrow('released while its pullback was under way');
      nothing();
    });
  },
);
