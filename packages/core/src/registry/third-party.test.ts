import { adjoint } from '@odegrad/grad-adjoint';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import { rk4 } from '@odegrad/tableaux';
import {
  centralDifferences,
  createFloat64Engine,
  describeGradient,
  describeSolver,
  float64Field,
  halfway,
  neuralField,
  noiseVector,
  relativeError,
  spiral,
  spiralSolution,
  type HandWrittenField,
} from '@odegrad/testkit';
import { dopri5 } from '@odegrad/tableaux';
import { describe, expect, it } from 'vitest';
import {
  combineStates,
  createRegistry,
  forward,
  integrate,
  pi,
  rungeKutta,
  scheduled,
  sizeOf,
  solution,
  type GradientStrategy,
  type Plugin,
  type Solver,
  type State,
} from '../index.ts';

// What somebody else might write, with public names alone.

/** Its steps cannot be differentiated: no `restage`, no `adjointStep`. */
const { restage: _, adjointStep: __, ...opaque } = { ...halfway, name: 'opaque' };

/** Every stage in the middle of the step: an implicit midpoint rule, solved by four fixed-point iterations. */
const implicit: Solver = {
  name: 'implicit',
  order: 2,
  stages: 4,
  embeddedOrder: 1,
  step(evaluator, span, y) {
    type S = State<(typeof y)[number]>;
    const along = (base: S | undefined, terms: { coefficient: number; value: S }[]) =>
      combineStates(evaluator.engine, base, terms, sizeOf(span));
    let stage = evaluator.at(span, 1 / 2, y);
    const firstSlope = stage.slope!;
    for (let i = 0; i < 3; i++) {
      stage = evaluator.at(span, 1 / 2, along(y, [{ coefficient: 1 / 2, value: stage.slope! }]));
    }
    return {
      y: along(y, [{ coefficient: 1, value: stage.slope! }]),
      stages: [{ t: stage.t, y, slope: firstSlope }, stage],
      error: along(undefined, [
        { coefficient: 1, value: stage.slope! },
        { coefficient: -1, value: firstSlope },
      ]),
    };
  },
};

/** Keeps every second state. */
const everySecond: GradientStrategy = scheduled({
  name: 'every-second',
  retention: () => ({ keep: (n) => (n % 2 === 0 ? 'state' : 'nothing'), restore: () => () => 'stages' }),
});

/** Central differences of the solve with respect to y0 alone: a strategy that is no schedule. */
const differences: GradientStrategy = {
  name: 'differences',
  exact: false,
  solve: (problem, method) =>
    solution(problem, method, (memory, recorder) => {
      const { engine } = memory;
      integrate(problem, method, memory, { wants: () => 'nothing', ...recorder });
      return () => ({
        y0: memory.escape(problem.y0.map((part) => engine.zeros(part))),
        parameters: memory.escape(problem.field.parameters.map((part) => engine.zeros(part))),
        ts: problem.ts.map(() => 0),
      });
    }),
};

const plugin: Plugin = {
  name: 'third-party',
  solvers: [halfway, opaque, implicit],
  gradients: [everySecond, differences],
};
const registry = createRegistry().use(plugin);

describeSolver(registry.get('solver', 'halfway'));
describeSolver(registry.get('solver', 'opaque'));
describeGradient(registry.get('gradient', 'every-second'), {
  solvers: [rungeKutta(rk4), rungeKutta(dopri5)],
});

const solve = (
  strategy: GradientStrategy,
  solver: Solver,
  field: HandWrittenField,
  y0: Float64Array,
  ts: number[],
) => {
  const engine = createFloat64Engine();
  const problem = { field: float64Field(engine, field), y0: [y0], ts, timeGradients: true };
  const solved = strategy.solve(problem, { solver, stepping: { numSteps: 5 } });
  const { y0: a, parameters, ts: times } = solved.pullback(ts.map(() => [noiseVector(7, y0.length)]));
  const result = { y0: a[0]!.slice(), parameters: parameters.map((p) => p.slice()), ts: times };
  const y = solved.ys.map((state) => state[0]!.slice());
  solved.release();
  for (const x of [...a, ...parameters]) engine.release(x);
  expect(engine.live()).toBe(0);
  return { gradient: result, ys: y };
};

describe('a solver without a tableau', () => {
  it('is served by every exact strategy, with gradients of times too', () => {
    const [field, y0, ts] = [neuralField(2, 2), noiseVector(4, 2), [0, 0.6, 1]];
    const expected = centralDifferences(
      (point) => {
        const { ys } = solve(backprop, halfway, point.field, point.y0, [...point.ts]);
        return ys.reduce((sum, y) => sum + y.reduce((part, x, m) => part + x * noiseVector(7, 2)[m]!, 0), 0);
      },
      { field, y0, ts },
    );
    for (const strategy of [backprop, symplectic, everySecond]) {
      expect(relativeError(solve(strategy, halfway, field, y0, ts).gradient, expected)).toBeLessThan(1e-8);
    }
  });

  it('that cannot be differentiated is refused by exact strategies and served by the adjoint method', () => {
    const [field, y0, ts] = [neuralField(2, 2), noiseVector(4, 2), [0, 0.6, 1]];
    for (const strategy of [backprop, symplectic, everySecond]) {
      expect(() => solve(strategy, opaque, field, y0, ts)).toThrow("which solver 'opaque' cannot");
    }
    const exact = solve(backprop, halfway, field, y0, ts).gradient;
    expect(relativeError(solve(adjoint, opaque, field, y0, ts).gradient, exact)).toBeLessThan(1e-2);
  });

  it('whose first stage is not at the start of the step is not given it as the slope there', () => {
    const engine = createFloat64Engine();
    const given: boolean[] = [];
    const watched: Solver = {
      ...implicit,
      step(evaluator, span, y, request) {
        const { first } = request;
        if (first) given.push(first.t === span.t0);
        return implicit.step(evaluator, span, y, request);
      },
    };
    const method = { solver: watched, stepping: { rtol: 1e-3, atol: 1e-3, controller: pi, firstStep: 1 } };
    const problem = { field: float64Field(engine, spiral), y0: [spiralSolution(0, 0.3)], ts: [0, 1] };
    const solved = forward.solve(problem, method);
    expect(solved.stats.rejected).toBeGreaterThan(0);
    expect(given).not.toContain(false);
    const end = spiralSolution(1, 0.3);
    solved.ys[1]![0]!.forEach((x, i) => expect(Math.abs(x - end[i]!)).toBeLessThan(1e-2));
    solved.release();
    expect(engine.live()).toBe(0);
  });
});

describe('a strategy that is no schedule', () => {
  it('is built on the one loop and leaves nothing alive', () => {
    const { gradient, ys } = solve(differences, rungeKutta(rk4), spiral, spiralSolution(0, 0.3), [0, 1]);
    expect(gradient).toEqual({
      y0: new Float64Array(2),
      parameters: [new Float64Array(1), new Float64Array(1)],
      ts: [0, 0],
    });
    expect(ys[1]![0]).toBeCloseTo(spiralSolution(1, 0.3)[0]!, 2);
  });
});
