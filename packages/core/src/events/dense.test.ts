import { bouncingBall, createFloat64Engine, float64Field } from '@odegrad/testkit';
import { symplectic } from '@odegrad/grad-symplectic';
import { dopri5 } from '@odegrad/tableaux';
import { expect, it } from 'vitest';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { pi } from '../stepping/controllers.ts';
import type { Method, Problem } from '../types/problem.ts';

const method: Method = {
  solver: rungeKutta(dopri5),
  stepping: { rtol: 1e-7, atol: 1e-7, controller: pi, maxStep: 0.5 },
};

/** A ball that bounces, from a height. */
function bounces(
  { stops = false, ...more }: Partial<Problem<Float64Array>> & { stops?: boolean } = {},
  from = 1,
  how: Partial<Method> = {},
) {
  const engine = createFloat64Engine();
  const { fall, height, bounce } = bouncingBall([0.1, 0.92, 0.02]);
  const floor = {
    name: 'floor',
    when: { field: float64Field(engine, height), unit: [Float64Array.of(1, 0)] },
    direction: 'falling',
    then: stops ? ('stop' as const) : float64Field(engine, bounce),
  } as const;
  const problem: Problem<Float64Array> = {
    field: float64Field(engine, fall),
    y0: [Float64Array.of(from, 0.3)],
    ts: [0, 1, 3],
    events: [floor],
    dense: true,
    ...more,
  };
  const solution = symplectic.solve(problem, { ...method, ...how });
  const read = (t: number, what: 'at' | 'rate' = 'at'): number[] => {
    const [y] = solution[what]!(t);
    const entries = [...y!];
    engine.release(y!);
    return entries;
  };
  return { engine, solution, read };
}

it('a dense solution with events is read at any time, of the part that it lies in', () => {
  const { engine, solution, read } = bounces();
  const times = [0.05, 0.4, 0.49, 0.9, 1.2, 1.31, 2.9, 3];
  const between = bounces({ between: times, dense: false });
  expect(times.map((t) => read(t))).toEqual(between.solution.between.map(([y]) => [...y!]));
  solution.ts.forEach((t, i) => {
    expect(read(t)).toEqual([...solution.ys[i]![0]!]);
  });
  expect(solution.events!.length).toBeGreaterThan(3);
  for (const { t, before, after } of solution.events!) {
    // At the very time of an event it is the state before; just after it that after.
    expect(read(t)).toEqual([...before[0]!]);
    read(t + 1e-9).forEach((x, i) => {
      expect(x).toBeCloseTo(after[0]![i]!, 7);
    });
    const [speed, acceleration] = read(t, 'rate');
    expect(speed).toBeCloseTo(before[0]![1]!, 4);
    expect(acceleration).toBeCloseTo(-9.81 - 0.1 * before[0]![1]!, 3);
  }
  expect(() => solution.at!(3.1)).toThrow(/from 0 to 3/);
  expect(() => solution.at!(-0.1)).toThrow(/from 0 to 3/);
  solution.release();
  expect(() => solution.at!(1)).toThrow(/released/);
  between.solution.release();
  expect([engine.live(), between.engine.live()]).toEqual([0, 0]);
});

it('has the ends of all steps, where an event cuts one the states before and after it', () => {
  const { engine, solution } = bounces({ dense: false, steps: true });
  const { ts, ys, stats } = solution;
  const events = solution.events!;
  expect(ts).toHaveLength(1 + stats.accepted + events.length);
  expect(ys).toHaveLength(ts.length);
  for (const { t, before, after } of events) {
    const i = ts.indexOf(t);
    expect(ts[i + 1]).toBe(t);
    expect([...ys[i]![0]!]).toEqual([...before[0]!]);
    expect([...ys[i + 1]![0]!]).toEqual([...after[0]!]);
  }
  expect(ts).toEqual(ts.toSorted((a, b) => a - b));
  expect(() => solution.pullback([undefined])).toThrow(`must have ${ts.length} entries`);
  solution.release();
  expect(engine.live()).toBe(0);
});

it('ends where an event stopped it, or where it failed', () => {
  const { solution } = bounces();
  const { t } = solution.events![0]!;
  const stopped = bounces({ stops: true });
  expect(stopped.read(t)).toHaveLength(2);
  expect(() => stopped.solution.at!(t + 1e-6)).toThrow(`from 0 to ${t}`);
  const failed = bounces({}, 1, { maxSteps: 8, onFailure: 'return' });
  const end = failed.solution.failed!.t;
  expect(failed.read(end)).toEqual([...failed.solution.failed!.y[0]!]);
  expect(() => failed.solution.at!(end + 1e-6)).toThrow(`from 0 to ${end}`);
});

it('takes cotangents of states anywhere, and of rates before the first jump', () => {
  const { solution } = bounces();
  const none = solution.ts.map(() => undefined);
  const first = solution.events![0]!.t;
  const point = { t: first / 2, cotangent: [Float64Array.of(0.3, 1)], rate: true };
  const { y0 } = solution.pullback(none, { points: [point] });
  const loss = (from: number): number => {
    const [speed, acceleration] = bounces({}, from).read(point.t, 'rate');
    return 0.3 * speed! + acceleration!;
  };
  expect(y0[0]![0]).toBeCloseTo((loss(1 + 1e-4) - loss(1 - 1e-4)) / 2e-4, 7);
  expect(() => solution.pullback(none, { points: [{ ...point, t: first + 0.1 }] })).toThrow(/after a jump/);
  expect(() => solution.pullback(none, { points: [{ ...point, t: 4 }] })).toThrow(/from 0 to 3/);
  const plain = bounces({ dense: false }).solution;
  expect(() => plain.pullback(none, { points: [point] })).toThrow(/solve with `dense: true`/);
});
