import {
  forward,
  isDifferentiable,
  pi,
  rungeKutta,
  TableauError,
  type Method,
  type Solver,
} from '@odegrad/core';
import { backprop } from '@odegrad/grad-backprop';
import { binomial, checkpoint, recompute, resolve, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import {
  createFloat64Engine,
  extrapolatedDifferences,
  float64Field,
  neuralField,
  noiseVector,
  relativeError,
  riccati,
  riccatiSolution,
  runTrial,
  type DiscreteGradient,
  type Point,
  type Trial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import plugin, * as exported from './index.ts';
import { gauss4, implicitRungeKutta, kvaerno3, kvaerno5, trbdf2 } from './index.ts';

const solvers = plugin.solvers as readonly Solver[];
const strategies = [
  symplectic,
  backprop,
  stages,
  recompute,
  checkpoint,
  resolve,
  binomial({ checkpoints: 2 }),
];

/** Differences of the solution over given steps, and of what is read off them, freed of the error of second order. */
function differences({ between = [], ...trial }: Trial): DiscreteGradient {
  const loss = (point: Point): number => {
    const field = float64Field(createFloat64Engine(), point.field);
    const solved = forward.solve({ field, y0: [point.y0], ts: point.ts, between }, trial.method);
    const weighed = (states: readonly (readonly Float64Array[])[], seed: number): number =>
      states.reduce((sum, [y], i) => {
        const weights = noiseVector(seed + i, y!.length);
        return y!.reduce((part, x, m) => part + x * weights[m]!, sum);
      }, 0);
    return weighed(solved.ys, 20) + weighed(solved.between, 50);
  };
  return extrapolatedDifferences(loss, trial);
}

const network = (method: Method, ts: readonly number[]): Trial => ({
  field: neuralField(2, 3),
  y0: noiseVector(9, 2),
  ts,
  method,
});

describe.each(solvers.map((solver) => [solver.name, solver] as const))('%s', (_, solver) => {
  it('has its order on a problem that depends on time', () => {
    const error = (numSteps: number): number => {
      const method: Method = { solver, stepping: { numSteps } };
      const trial = { field: riccati, y0: Float64Array.of(0.8), ts: [0, 1], method, timeGradients: false };
      return Math.abs(runTrial(symplectic, trial).ys[1]![0]! - riccatiSolution(1, 0.8));
    };
    expect(Math.log2(error(8) / error(16))).toBeGreaterThan(solver.order - 0.3);
  });

  it.each([
    ['forward', [0, 0.4, 1.1]],
    ['backward', [1, 0.7, -0.2]],
  ])('gives the gradient of the discrete solution, to y0, parameters and times, %s', (__, ts) => {
    const trial = network({ solver, stepping: { numSteps: 2 } }, ts);
    const { gradient, repeated, live, bytes } = runTrial(symplectic, trial);
    expect(relativeError(gradient, differences(trial))).toBeLessThan(1e-11);
    expect(repeated).toEqual(gradient);
    expect([live, bytes]).toEqual([0, 0]);
  });

  it('gives one gradient with every exact strategy, also of what is read between steps', () => {
    const readable = solver.interpolant ? { between: [0.1, 0.4, 0.9], timeGradients: false } : {};
    const trial = { ...network({ solver, stepping: { numSteps: 3 } }, [0, 0.4, 1.1]), ...readable };
    const { gradient } = runTrial(backprop, trial);
    if (solver.interpolant) {
      const { y0, parameters } = differences(trial);
      expect(relativeError({ ...gradient, between: [] }, { y0, parameters, ts: [0, 0, 0] })).toBeLessThan(
        1e-11,
      );
    }
    for (const strategy of strategies) {
      const other = runTrial(strategy, trial);
      expect(relativeError(other.gradient, gradient), strategy.name).toBeLessThan(1e-14);
      expect(other.live, strategy.name).toBe(0);
    }
  });
});

describe.each([trbdf2, kvaerno3, kvaerno5].map((tableau) => [tableau.name, tableau] as const))(
  '%s with steps of its own',
  (_, tableau) => {
    const stepping = { rtol: 1e-5, atol: 1e-5, controller: pi };
    it('solves its equations to a thousandth of what is tolerated, and to rounding where that is asked for', () => {
      const solve = (residual?: number): ReturnType<typeof runTrial> =>
        runTrial(
          symplectic,
          network(
            { solver: implicitRungeKutta(tableau, residual === undefined ? {} : { residual }), stepping },
            [0, 1.1],
          ),
        );
      const [loose, exact] = [solve(), solve(0)];
      expect(loose.stats.evaluationsForward).toBeLessThan(exact.stats.evaluationsForward);
      const off = loose.ys[1]!.map((x, i) => Math.abs(x - exact.ys[1]![i]!));
      expect(Math.max(...off)).toBeLessThan(1e-5);
      expect(relativeError(loose.gradient, exact.gradient)).toBeLessThan(1e-4);
    });
  },
);

describe('a solve that cannot go on', () => {
  /** f is finite up to 0.5 and jumps there between values that no step makes meet. */
  const restless = {
    parameters: [],
    value: (t: number, [y]: Float64Array) => Float64Array.of(t > 0.5 ? NaN : -y!),
    pullback: (_: number, __: Float64Array, ___: unknown, [k]: Float64Array) => ({
      t: 0,
      y: Float64Array.of(-k!),
      parameters: [],
    }),
  };
  const solveIt =
    (method: Method): (() => unknown) =>
    () =>
      runTrial(symplectic, {
        field: restless,
        y0: Float64Array.of(1),
        ts: [0, 1],
        method,
        timeGradients: false,
      });

  it('says which step of constant size was not solved', () => {
    const solver = implicitRungeKutta(gauss4);
    expect(solveIt({ solver, stepping: { numSteps: 4 } })).toThrow(
      expect.objectContaining({ code: 'no-convergence', t: 0.5, h: 0.25, steps: 2 }),
    );
  });

  it('says that cotangents are no numbers', () => {
    const trial = network({ solver: implicitRungeKutta(gauss4), stepping: { numSteps: 2 } }, [0, 1]);
    expect(() =>
      runTrial(symplectic, { ...trial, cotangents: [undefined, Float64Array.of(1, NaN)] }),
    ).toThrow(expect.objectContaining({ code: 'non-finite', t: 0.5 }));
  });

  it('quarters adaptive steps until they are too small', () => {
    const solver = implicitRungeKutta(kvaerno3);
    expect(solveIt({ solver, stepping: { rtol: 1e-4, atol: 1e-4, controller: pi } })).toThrow(
      expect.objectContaining({ code: 'no-convergence' }),
    );
  });
});

describe('tableaux', () => {
  it('are refused by explicit steps, and where they do not say that they are implicit', () => {
    expect(() => rungeKutta(kvaerno3)).toThrow(TableauError);
    const a = gauss4.a.map((row, i) => row.slice(0, i + 1));
    expect(() => implicitRungeKutta({ ...gauss4, a, implicit: false })).toThrow(/implicit: true/);
  });

  it('are held to their order', () => {
    expect(() => implicitRungeKutta({ ...kvaerno3, order: 4 })).toThrow(/claims order 4/);
  });

  it.each([trbdf2, kvaerno3, kvaerno5].map((tableau) => [tableau.name, tableau] as const))(
    '%s damps what is stiff: |R(z)| goes to 0 on the negative axis, and y₁ is the last stage',
    (_, { a, b, c }) => {
      expect(a.at(-1)).toEqual(b);
      expect(c.at(-1)).toBe(1);
      const damped = (z: number): number => {
        const k: number[] = [];
        a.forEach((row, i) => {
          const known = row.slice(0, i).reduce((sum, x, j) => sum + x * k[j]!, 1);
          k.push((z * known) / (1 - z * row[i]!));
        });
        return 1 + b.reduce((sum, x, i) => sum + x * k[i]!, 0);
      };
      expect(Math.abs(damped(-1e3) / damped(-1e6))).toBeGreaterThan(500);
    },
  );

  it('of Gauss keep quadratic invariants: λᵀδ is the same along the solution', () => {
    for (const { b, a } of solvers
      .filter(({ name }) => /gauss|midpoint/.test(name))
      .map(({ tableau }) => tableau!))
      b.forEach((bi, i) => {
        b.forEach((bj, j) => {
          expect(Math.abs(bi * a[i]![j]! + bj * a[j]![i]! - bi * bj)).toBeLessThan(1e-16);
        });
      });
  });
});

describe('the package', () => {
  it('has these public names, and a plugin with its solvers', () => {
    expect(Object.keys(exported).sort()).toEqual([
      'default',
      'gauss4',
      'gauss6',
      'implicitMidpoint',
      'implicitRungeKutta',
      'kvaerno3',
      'kvaerno5',
      'radau5',
      'trbdf2',
    ]);
    expect(solvers.every(isDifferentiable)).toBe(true);
  });
});
