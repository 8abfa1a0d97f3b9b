import { dopri5 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  float64Field,
  linear,
  scalarField,
  spiral,
  type HandWrittenField,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { pi } from './controllers.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { forward } from '../gradient/schedule.ts';
import type { Tolerance } from '../types/engine.ts';

/** The size of the first attempt, and the points at which f was evaluated before it. */
function attempted(
  field: HandWrittenField,
  y0: Float64Array,
  ts: readonly number[],
  tolerance: Tolerance = { rtol: 1e-3, atol: 1e-6 },
): { h: number; probes: readonly number[] } {
  const seen: number[] = [];
  let evaluations = 0;
  const engine = createFloat64Engine();
  const prepared = float64Field(engine, field, { before: (t) => seen.push(t) });
  let h = NaN;
  const controller = {
    name: 'stop',
    next() {
      evaluations = seen.length;
      throw new Error('enough');
    },
  };
  const solver = rungeKutta(dopri5);
  const stages: number[] = [];
  const spied = {
    ...solver,
    step: ((evaluator, span, y, request) => {
      h = span.t1 - span.t0;
      stages.push(seen.length);
      return solver.step(evaluator, span, y, request);
    }) satisfies typeof solver.step,
  };
  const stepping = { ...tolerance, controller };
  expect(() => forward.solve({ field: prepared, y0: [y0], ts }, { solver: spied, stepping })).toThrow(
    'enough',
  );
  expect(evaluations).toBe(2 + 6);
  expect(engine.live()).toBe(0);
  return { h, probes: seen.slice(0, stages[0]) };
}

/** Root mean square of x over the scale of y. */
const norm = (x: Float64Array, y: Float64Array, { rtol, atol }: Tolerance): number =>
  Math.sqrt(x.reduce((sum, xi, i) => sum + (xi / (atol + rtol * Math.abs(y[i]!))) ** 2, 0) / x.length);

describe("Hairer's first step", () => {
  it.each([
    ['forward', [0, 20], 1],
    ['backward', [0, -20], -1],
  ])('is that of Solving ODEs I, II.4, %s in time', (_, ts, sign) => {
    const tolerance = { rtol: 1e-3, atol: 1e-6 };
    const y0 = Float64Array.of(0.3, 0.1);
    const { h, probes } = attempted(spiral, y0, ts, tolerance);
    const f0 = spiral.value(0, y0, spiral.parameters);
    const [d0, d1] = [norm(y0, y0, tolerance), norm(f0, y0, tolerance)];
    const h0 = (0.01 * d0) / d1;
    expect(probes).toEqual([0, expect.closeTo(sign * h0, 14) as number]);
    const y1 = y0.map((y, i) => y + sign * h0 * f0[i]!);
    const f1 = spiral.value(sign * h0, y1, spiral.parameters);
    const d2 =
      norm(
        f1.map((x, i) => x - f0[i]!),
        y0,
        tolerance,
      ) / h0;
    // The embedded method of dopri5 is of order 4: the exponent is 1/5.
    const h1 = (0.01 / Math.max(d1, d2)) ** (1 / 5);
    expect(Math.abs(h)).toBeCloseTo(Math.min(100 * h0, h1), 12);
    expect(Math.sign(h)).toBe(sign);
  });

  it('is a millionth, or hundred times that, where y or its slope is next to nothing', () => {
    // d0 = 0: h0 = 1e-6, and 100 h0 bounds what follows.
    const fromZero = attempted(
      scalarField(
        1,
        () => 1,
        () => [0, 0, 0],
      ),
      Float64Array.of(0),
      [0, 1],
    );
    expect(fromZero.probes[1]).toBe(1e-6);
    expect(fromZero.h).toBeCloseTo(1e-4, 12);
    // f = 0: h1 = max(1e-6, h0 / 1000).
    const still = attempted(linear(0), Float64Array.of(1), [0, 1]);
    expect(still.h).toBe(1e-6);
  });

  it('reaches no farther than the last output time', () => {
    for (const ts of [
      [0, 1e-9],
      [0, 1e-10, 1e-9],
      [1e-9, 0],
    ]) {
      const { h, probes } = attempted(spiral, Float64Array.of(0.3, 0.1), ts);
      const [from, to] = [ts[0]!, ts.at(-1)!];
      for (const t of [...probes, from + h]) {
        expect(t).toBeGreaterThanOrEqual(Math.min(from, to));
        expect(t).toBeLessThanOrEqual(Math.max(from, to));
      }
    }
  });

  it('is no larger than `maxStep`, and costs nothing where `firstStep` is given', () => {
    let evaluations = 0;
    const field = float64Field(createFloat64Engine(), linear(-1e-3), { before: () => (evaluations += 1) });
    const sizes: number[] = [];
    const stepping = { rtol: 1e-3, atol: 1e-3, controller: pi };
    const method = { solver: rungeKutta(dopri5), onStep: ({ h }: { h: number }) => sizes.push(h) };
    const problem = { field, y0: [Float64Array.of(1)], ts: [0, 1] };
    forward.solve(problem, { ...method, stepping: { ...stepping, maxStep: 0.25 } });
    expect(sizes).toEqual([0.25, 0.25, 0.25, 0.25]);
    evaluations = 0;
    forward.solve(problem, { ...method, stepping: { ...stepping, firstStep: 1 } });
    expect(evaluations).toBe(7);
  });
});
