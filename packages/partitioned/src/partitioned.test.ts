import { forward, rungeKutta, type Method, type Problem, type Solver } from '@odegrad/core';
import { backprop } from '@odegrad/grad-backprop';
import { auto, binomial, checkpoint, recompute, resolve, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  extrapolatedDifferences,
  float64Field,
  noiseVector,
  relativeError,
  runTrial,
  splitVector,
  type HandWrittenField,
  type Point,
  type Trial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import plugin, * as exported from './index.ts';
import { composition, partitionedRungeKutta, verifyPartitioned, verlet, yoshida4 } from './index.ts';

const solvers = plugin.solvers as readonly Solver[];

/** q′ = A tanh p, p′ = −(1 + t/2) B sin q in the plane, with A and B as parameters. */
const field: HandWrittenField = {
  parameters: [noiseVector(1, 4), noiseVector(2, 4)],
  value(t, y, [a, b]) {
    const row = (m: Float64Array, i: number, x: (j: number) => number): number =>
      m[2 * i]! * x(0) + m[2 * i + 1]! * x(1);
    return Float64Array.from({ length: 4 }, (_, i) =>
      i < 2 ? row(a!, i, (j) => Math.tanh(y[2 + j]!)) : -(1 + t / 2) * row(b!, i - 2, (j) => Math.sin(y[j]!)),
    );
  },
  pullback(t, y, [a, b], k) {
    const scale = 1 + t / 2;
    const of = (length: number, entry: (i: number) => number): Float64Array =>
      Float64Array.from({ length }, (_, i) => entry(i));
    const kick = (i: number): number => b![2 * i]! * Math.sin(y[0]!) + b![2 * i + 1]! * Math.sin(y[1]!);
    return {
      t: -(k[2]! * kick(0) + k[3]! * kick(1)) / 2,
      y: of(4, (j) =>
        j < 2
          ? -scale * Math.cos(y[j]!) * (k[2]! * b![j]! + k[3]! * b![2 + j]!)
          : (1 - Math.tanh(y[j]!) ** 2) * (k[0]! * a![j - 2]! + k[1]! * a![j]!),
      ),
      parameters: [
        of(4, (m) => k[Math.floor(m / 2)]! * Math.tanh(y[2 + (m % 2)]!)),
        of(4, (m) => -scale * k[2 + Math.floor(m / 2)]! * Math.sin(y[m % 2]!)),
      ],
    };
  },
};

const partition = ['q', 'p'] as const;
const start: Pick<Trial, 'field' | 'y0' | 'parts'> = { field, y0: noiseVector(9, 4), parts: [2, 2] };
const methodOf = (solver: Solver, numSteps: number): Method => ({
  solver,
  partition,
  stepping: { numSteps },
});

const endOf = (problem: Pick<Problem<Float64Array>, 'field' | 'y0' | 'ts'>, method: Method): number[][] =>
  forward.solve(problem, method).ys.map((y) => y.flatMap((part) => [...part]));

describe.each(solvers.map((solver) => [solver.name, solver] as const))('%s', (_, solver) => {
  it('has its order on a separable problem that depends on time', () => {
    const solve = (numSteps: number): number[] => {
      const problem = {
        field: float64Field(createFloat64Engine(), field, { parts: [2, 2] }),
        y0: splitVector(start.y0, [2, 2]),
        ts: [0, 2],
      };
      return endOf(problem, methodOf(solver, numSteps))[1]!;
    };
    const reference = solve(solver.order === 2 ? 4096 : 256);
    const error = (numSteps: number): number =>
      Math.max(...solve(numSteps).map((x, i) => Math.abs(x - reference[i]!)));
    expect(Math.log2(error(8) / error(16))).toBeGreaterThan(solver.order - 0.35);
  });

  it.each([
    ['forward', [0, 0.4, 1.1]],
    ['backward', [1, 0.7, -0.2]],
  ])('gives the gradient of the discrete solution, to y0, parameters and times, %s', (__, ts) => {
    const trial = { ...start, ts, method: methodOf(solver, 2) };
    const loss = (point: Point): number => {
      const problem = {
        field: float64Field(createFloat64Engine(), point.field, { parts: [2, 2] }),
        y0: splitVector(point.y0, [2, 2]),
        ts: point.ts,
      };
      return endOf(problem, trial.method).reduce((sum, y, i) => {
        const weights = noiseVector(20 + i, 4);
        return y.reduce((part, x, m) => part + x * weights[m]!, sum);
      }, 0);
    };
    const differences = extrapolatedDifferences(loss, trial);
    for (const strategy of [
      symplectic,
      backprop,
      stages,
      recompute,
      checkpoint,
      resolve,
      binomial({ checkpoints: 2 }),
    ]) {
      const { gradient, repeated, live, bytes } = runTrial(strategy, trial);
      expect(relativeError(gradient, differences), strategy.name).toBeLessThan(1e-11);
      expect(repeated).toEqual(gradient);
      expect([live, bytes]).toEqual([0, 0]);
    }
  });

  it('keeps a budget, with the same gradient', () => {
    const trial = { ...start, ts: [0, 2], method: methodOf(solver, 20), timeGradients: false };
    const { gradient } = runTrial(symplectic, trial);
    for (const maxBytes of [2500, 4000, 10_000]) {
      const budgeted = runTrial(auto({ maxBytes }), trial);
      expect(budgeted.stats.bytesPeak).toBeLessThanOrEqual(maxBytes);
      expect(relativeError(budgeted.gradient, gradient)).toBeLessThan(1e-14);
    }
  });

  it('is symplectic: the gradient of where it goes, to where it came from, has Jᵀ Ω J = Ω', () => {
    const rows = Array.from({ length: 4 }, (__, i) => {
      const cotangent = new Float64Array(4);
      cotangent[i] = 1;
      // Symplectic where A and B are symmetric, so that there is an energy.
      const symmetric = {
        ...field,
        parameters: [Float64Array.of(1, 0.3, 0.3, -0.5), Float64Array.of(0.7, 0, 0, 1)],
      };
      const energetic: HandWrittenField = {
        ...symmetric,
        value: (t, y, p) => field.value(t, y, [Float64Array.of(1, 0, 0, 0.5), p[1]!]),
        pullback: (t, y, p, k) => field.pullback(t, y, [Float64Array.of(1, 0, 0, 0.5), p[1]!], k),
      };
      const { gradient } = runTrial(symplectic, {
        ...start,
        field: energetic,
        ts: [0, 3],
        method: methodOf(solver, 5),
        cotangents: [undefined, cotangent],
      });
      return gradient.y0;
    });
    const omega = (x: Float64Array, y: Float64Array): number =>
      x[0]! * y[2]! + x[1]! * y[3]! - x[2]! * y[0]! - x[3]! * y[1]!;
    // J Ω Jᵀ = Ω says the same as Jᵀ Ω J = Ω.
    rows.forEach((x, i) => {
      rows.forEach((y, j) => {
        const expected = j === i + 2 ? 1 : i === j + 2 ? -1 : 0;
        expect(Math.abs(omega(x, y) - expected)).toBeLessThan(1e-12);
      });
    });
  });
});

// 10⁵ steps with ODEGRAD_ALL.
const many = process.env['ODEGRAD_ALL'] ? 100_000 : 10_000;

describe(`the energy of a pendulum over ${many} steps`, () => {
  const pendulum: HandWrittenField = {
    parameters: [],
    value: (_, [q, p]) => Float64Array.of(p!, -Math.sin(q!)),
    pullback: (_, [q], __, [k, l]) => ({ t: 0, y: Float64Array.of(-Math.cos(q!) * l!, k!), parameters: [] }),
  };
  const energy = ([q, p]: readonly number[]): number => p! ** 2 / 2 - Math.cos(q!);
  /** How far it is off at most in the first half of the time, and in the second. */
  const off = (solver: Solver, numSteps: number): readonly [number, number] => {
    const outputs = 100;
    const problem = {
      field: float64Field(createFloat64Engine(), pendulum, { parts: [1, 1] }),
      y0: [Float64Array.of(1), Float64Array.of(0)],
      ts: Array.from({ length: outputs + 1 }, (_, i) => ((many / 5) * i) / outputs),
    };
    const states = endOf(problem, methodOf(solver, numSteps / outputs));
    const errors = states.map((y) => Math.abs(energy(y) - energy(states[0]!)));
    return [Math.max(...errors.slice(0, outputs / 2)), Math.max(...errors.slice(outputs / 2))];
  };

  it.each([
    [verlet, 5e-3],
    [yoshida4, 2e-4],
  ] as const)('stays where it is with $name', (tableau, bound) => {
    const [before, after] = off(partitionedRungeKutta(tableau), many);
    expect(after).toBeLessThan(bound);
    expect(after).toBeLessThan(1.05 * before);
  });

  it('drifts with rk4 for as many evaluations as verlet takes', () => {
    const [before, after] = off(rungeKutta(rk4), (many * 3) / 4);
    expect(after).toBeGreaterThan(1.5 * before);
  });
});

describe('what is refused', () => {
  const problem = (of: HandWrittenField): Problem<Float64Array> => ({
    field: float64Field(createFloat64Engine(), of, { parts: [2, 2] }),
    y0: splitVector(start.y0, [2, 2]),
    ts: [0, 1],
  });
  const solver = partitionedRungeKutta(verlet);

  it('is a field whose slope of p depends on p', () => {
    const damped: HandWrittenField = {
      ...field,
      value: (t, y, p) => field.value(t, y, p).map((x, i) => (i < 2 ? x : x - y[i]!)),
      pullback: (t, y, p, k) => {
        const pulled = field.pullback(t, y, p, k);
        return { ...pulled, y: pulled.y.map((x, i) => (i < 2 ? x : x - k[i]!)) };
      },
    };
    expect(() => symplectic.solve(problem(damped), methodOf(solver, 2))).toThrow(
      /the slope of p depends on p/,
    );
  });

  it('is one that is flat where the solve begins: drag of second order, from rest', () => {
    const dragged: HandWrittenField = {
      parameters: [],
      value: (_t, [q, p]) => Float64Array.of(p!, -q! - p! * Math.abs(p!)),
      pullback: (_t, [, p], _parameters, [k, l]) => ({
        t: 0,
        y: Float64Array.of(-l!, k! - 2 * Math.abs(p!) * l!),
        parameters: [],
      }),
    };
    const engine = createFloat64Engine();
    const fromRest = {
      field: float64Field(engine, dragged, { parts: [1, 1] }),
      y0: [Float64Array.of(1), Float64Array.of(0)],
      ts: [0, 1],
    };
    expect(() => symplectic.solve(fromRest, methodOf(solver, 2))).toThrow(/the slope of p depends on p/);
    expect(engine.live()).toBe(0);
  });

  it('is not one whose derivative is no number: the steps say so', () => {
    const root: HandWrittenField = {
      parameters: [],
      value: (_t, [q, p]) => Float64Array.of(p!, -Math.sqrt(q!)),
      pullback: (_t, [q], _parameters, [k, l]) => ({
        t: 0,
        y: Float64Array.of((-l! / Math.sqrt(q!)) * 0.5, k!),
        parameters: [],
      }),
    };
    const outside = {
      field: float64Field(createFloat64Engine(), root, { parts: [1, 1] }),
      y0: [Float64Array.of(-1), Float64Array.of(0)],
      ts: [0, 1],
    };
    expect(() => symplectic.solve(outside, methodOf(solver, 2))).toThrow(
      expect.objectContaining({ code: 'non-finite' }),
    );
  });

  it('is a state that nobody has parted', () => {
    const { partition: _, ...rest } = methodOf(solver, 2);
    expect(() => symplectic.solve(problem(field), rest)).toThrow(/give y0 as { q, p }/);
    expect(() => symplectic.solve(problem(field), { ...rest, partition: ['q'] })).toThrow(
      /give y0 as { q, p }/,
    );
    expect(() => symplectic.solve(problem(field), { ...rest, partition: ['q', 'p', 'p'] })).toThrow(
      /3 entries; give one for each of 2 parts/,
    );
  });

  it('is a tableau that has not its order, or whose times do not fit', () => {
    expect(() => verifyPartitioned({ ...verlet, order: 3 })).toThrow(/claims order 3/);
    expect(() => verifyPartitioned({ ...yoshida4, order: 5 })).toThrow(/claims order 5/);
    expect(() => verifyPartitioned({ ...verlet, c: [0, 0.4, 1] })).toThrow(/c\[1\] is 0.4/);
    expect(() => composition({ ...verlet, name: 'thirds' }, [1 / 3, 2 / 3])).not.toThrow();
    expect(() => verifyPartitioned({ ...verlet, q: { ...verlet.q, b: [0, 1] } })).toThrow(
      /q must have 3 weights/,
    );
  });
});

it('has these public names', () => {
  expect(Object.keys(exported).sort()).toEqual([
    'composition',
    'default',
    'partitionedRungeKutta',
    'verifyPartitioned',
    'verlet',
    'yoshida4',
    'yoshida6',
  ]);
});
