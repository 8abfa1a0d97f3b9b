import { forward, type Solver, type State } from '@odegrad/core';
import { createFloat64Engine, float64Field, splitVector, type HandWrittenField } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import plugin from './index.ts';

const solvers = plugin.solvers as readonly Solver[];

/** x′ = 20 t + sin 6x, which leaves zero without a slope, and z′ = (1 + sin(3x) / 1000) z beside it. */
const fromRest: HandWrittenField = {
  parameters: [],
  value: (t, [x, z]) => Float64Array.of(20 * t + Math.sin(6 * x!), (1 + Math.sin(3 * x!) / 1000) * z!),
  pullback: (_t, [x, z], _p, [k, l]) => ({
    t: 20 * k!,
    y: Float64Array.of(
      6 * Math.cos(6 * x!) * k! + 0.003 * Math.cos(3 * x!) * z! * l!,
      (1 + Math.sin(3 * x!) / 1000) * l!,
    ),
    parameters: [],
  }),
};

interface Found {
  readonly t: number;
  readonly y: Float64Array;
  readonly slope: Float64Array;
}

/** A copy of all stages of the steps of a solve. */
function stagesOf(solver: Solver, field: HandWrittenField, y0: Float64Array, parts: number[]): Found[] {
  const found: Found[] = [];
  const join = (y: State<unknown>): Float64Array =>
    Float64Array.from((y as Float64Array[]).flatMap((part) => [...part]));
  const watched: Solver = {
    ...solver,
    forSolve(settings) {
      const own = solver.forSolve!(settings);
      return {
        ...own,
        step(...of) {
          const step = own.step(...of);
          for (const { t, y, slope } of step.stages) found.push({ t, y: join(y), slope: join(slope!) });
          return step;
        },
      };
    },
  };
  const engine = createFloat64Engine();
  const problem = { field: float64Field(engine, field, { parts }), y0: splitVector(y0, parts), ts: [0, 0.6] };
  forward.solve(problem, { solver: watched, stepping: { numSteps: 3 } }).release();
  return found;
}

describe.each(solvers.map((solver) => [solver.name, solver] as const))('%s', (_, solver) => {
  it.each([0, 1e-6, 1e6])('solves to rounding what leaves zero without a slope, beside %d', (beside) => {
    const stages = stagesOf(solver, fromRest, Float64Array.of(0, beside), [1, 1]);
    expect(stages).toHaveLength(3 * solver.stages);
    for (const { t, y, slope } of stages)
      fromRest.value(t, y, []).forEach((value, i) => {
        expect(Math.abs(value - slope[i]!)).toBeLessThanOrEqual(1e-14 * Math.abs(value));
      });
  });
});
