import { backprop } from '@odegrad/grad-backprop';
import { binomial, checkpoint, recompute, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { bosh3, cashKarp, dopri5, midpoint, rk4 } from '@odegrad/tableaux';
import { createFloat64Engine, float64Field, type HandWrittenField } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { pi } from './controllers.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { solutionStages } from '../solver/tableau.ts';
import type { VectorField } from '../types/field.ts';
import type { FieldAtPoints } from '../types/points.ts';
import type { GradientStrategy } from '../types/plugin.ts';
import type { Method } from '../types/problem.ts';

type A = Float64Array;

/** z′ = (p z₁ cos t, −p z₀) and q′ = z₀² + t z₁: q is an integral along the way, which f does not read. */
const withIntegral: HandWrittenField = {
  parameters: [Float64Array.of(0.8)],
  value: (t, [z0, z1], [p]) => Float64Array.of(p![0]! * z1! * Math.cos(t), -p![0]! * z0!, z0! ** 2 + t * z1!),
  pullback: (t, [z0, z1], [p], [k0, k1, kq]) => ({
    t: -k0! * p![0]! * z1! * Math.sin(t) + kq! * z1!,
    y: Float64Array.of(-k1! * p![0]! + 2 * kq! * z0!, k0! * p![0]! * Math.cos(t) + kq! * t, 0),
    parameters: [Float64Array.of(k0! * z1! * Math.cos(t) - k1! * z0!)],
  }),
};

/** What was asked of `read`. */
interface Asked {
  evaluations: number;
  linearizations: number;
  pullbacks: number;
}

/** The field with a `read` that gives q any slope, and takes no cotangent of it. */
function fieldWithRead(vjp: boolean): { readonly field: VectorField<A>; readonly asked: Asked } {
  const field = float64Field(createFloat64Engine(), withIntegral, { parts: [2, 1], vjp });
  const asked = { evaluations: 0, linearizations: 0, pullbacks: 0 };
  const anySlope = (slope: readonly A[]): readonly A[] => {
    slope[1]!.fill(1e6);
    return slope;
  };
  const checked = (cotangent: readonly A[]): void => {
    asked.pullbacks += 1;
    expect(cotangent[1]![0]).toBe(0);
  };
  const read: FieldAtPoints<A> = {
    evaluate(t, y) {
      asked.evaluations += 1;
      return anySlope(field.evaluate(t, y));
    },
    linearize(t, y) {
      asked.linearizations += 1;
      const made = field.linearize(t, y);
      anySlope(made.value);
      return {
        ...made,
        pullback(cotangent, withTime) {
          checked(cotangent);
          return made.pullback(cotangent, withTime);
        },
      };
    },
    ...(field.vjp && {
      vjp(t: number, y: readonly A[], cotangent: readonly A[], withTime: boolean) {
        checked(cotangent);
        return field.vjp!(t, y, cotangent, withTime);
      },
    }),
  };
  return { field: { ...field, read }, asked };
}

function gradientOf(
  field: VectorField<A>,
  strategy: GradientStrategy,
  method: Method,
  timeGradients: boolean,
) {
  const problem = {
    field,
    y0: [Float64Array.of(0.4, -0.9), Float64Array.of(0.1)],
    ts: [0, 0.4, 1],
    timeGradients,
  };
  const solution = strategy.solve(problem, method);
  const { y0, parameters, ts } = solution.pullback(solution.ys.map((state) => state));
  const ys = solution.ys.map((state) => state.map((part) => [...part]));
  const { accepted } = solution.stats;
  solution.release();
  return {
    accepted,
    outcome: { ys, ts, y0: y0.map((x) => [...x]), parameters: parameters.map((x) => [...x]) },
  };
}

const strategies = [backprop, binomial({ checkpoints: 2 }), checkpoint, recompute, stages, symplectic];

describe.each([
  ['midpoint', midpoint],
  ['rk4', rk4],
  ['bosh3', bosh3],
  ['cashKarp', cashKarp],
  ['dopri5', dopri5],
])('stages of %s whose weight is zero', (_, tableau) => {
  const solver = rungeKutta(tableau);
  const unweighted = solutionStages(tableau).filter((i) => tableau.b[i] === 0);
  const unread = unweighted.filter((i) => !tableau.bError?.[i]);
  const fixed: Method = { solver, stepping: { numSteps: 2 } };
  const methods = tableau.bError
    ? [fixed, { solver, stepping: { rtol: 1e-4, atol: 1e-6, controller: pi } }]
    : [fixed];

  it.each(strategies.map((strategy) => [strategy.name, strategy] as const))(
    'need nothing of parts of y that f does not read, with %s',
    (_name, strategy) => {
      for (const method of methods) {
        for (const [vjp, timeGradients] of [
          [false, false],
          [false, true],
          [true, false],
          [true, true],
        ] as const) {
          const { field, asked } = fieldWithRead(vjp);
          const { read, ...without } = field;
          expect(read).toBeDefined();
          const expected = gradientOf(without, strategy, method, timeGradients);
          expect(asked).toEqual({ evaluations: 0, linearizations: 0, pullbacks: 0 });
          const found = gradientOf(field, strategy, method, timeGradients);
          expect(found.outcome).toEqual(expected.outcome);
          // What is linearized in an attempt is wanted whole where the error estimate reads it.
          const own = strategy === backprop && method !== fixed ? unread : unweighted;
          expect(asked.pullbacks).toBe(own.length * found.accepted);
          if (strategy === backprop) expect(asked.linearizations).toBe(own.length * found.accepted);
          if (strategy === symplectic && method === fixed) {
            // Forward, those without weight; backward all but the last of each step, where points alone are made.
            const again = solver.stages - 1;
            expect(asked.evaluations).toBe((unweighted.length + again) * found.accepted);
          }
        }
      }
    },
  );
});
