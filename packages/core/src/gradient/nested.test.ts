import { adjoint } from '@odegrad/grad-adjoint';
import { backprop } from '@odegrad/grad-backprop';
import { checkpoint, recompute } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { dopri5, rk4 } from '@odegrad/tableaux';
import {
  centralDifferences,
  createFloat64Engine,
  float64Field,
  noiseVector,
  relativeError,
  riccati,
  type Float64Engine,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import {
  createLedger,
  forward,
  pi,
  rungeKutta,
  type GradientStrategy,
  type Ledger,
  type Method,
  type VectorField,
} from '../index.ts';

type A = Float64Array;

/** f(t, y) = the flow of the Riccati equation over half a unit of time from (t, y): every evaluation is a solve. */
function flowField(
  engine: Float64Engine,
  inner: GradientStrategy,
  parameters: readonly A[],
  ledger?: Ledger,
): VectorField<A> {
  const field = float64Field(engine, { ...riccati, parameters });
  const method: Method = {
    solver: rungeKutta(rk4),
    stepping: { numSteps: 2 },
    ...(ledger ? { ledger } : {}),
  };
  const copy = (x: A): A => engine.combine(undefined, [{ coefficient: 1, value: x }]);
  return {
    engine,
    parameters,
    evaluate(t, y) {
      const solution = forward.solve({ field, y0: y, ts: [t, t + 0.5] }, method);
      const value = solution.ys[1]!.map(copy);
      solution.release();
      return value;
    },
    linearize(t, y) {
      const start = y.map(copy);
      const solution = inner.solve({ field, y0: start, ts: [t, t + 0.5], timeGradients: true }, method);
      return {
        value: solution.ys[1]!.map(copy),
        bytes: 0,
        pullback(cotangent) {
          const { y0, parameters: theta, ts } = solution.pullback([undefined, cotangent]);
          return { y: y0, parameters: theta, t: ts[0]! + ts[1]! };
        },
        release() {
          solution.release();
          for (const x of start) engine.release(x);
        },
      };
    },
  };
}

const outer: readonly (readonly [string, Method])[] = [
  ['equal steps', { solver: rungeKutta(rk4), stepping: { numSteps: 2 } }],
  ['adaptive steps', { solver: rungeKutta(dopri5), stepping: { rtol: 1e-4, atol: 1e-4, controller: pi } }],
];

describe.each(outer)('a solve inside f with %s', (_, method) => {
  const [y0, ts] = [Float64Array.of(0.4), [0, 0.4, 1]];
  const solve = (
    strategy: GradientStrategy,
    inner: GradientStrategy,
    theta: A,
    start: A,
    times: readonly number[],
  ) => {
    const engine = createFloat64Engine();
    const field = flowField(engine, inner, [theta]);
    const solution = strategy.solve({ field, y0: [start], ts: times, timeGradients: true }, method);
    const { y0: a, parameters, ts: tsBar } = solution.pullback([undefined, undefined, [Float64Array.of(1)]]);
    const outcome = {
      end: solution.ys[2]![0]![0]!,
      gradient: { y0: a[0]!.slice(), parameters: parameters.map((p) => p.slice()), ts: tsBar },
    };
    solution.release();
    for (const x of [...a, ...parameters]) engine.release(x);
    expect(engine.live()).toBe(0);
    return outcome;
  };

  it.each(
    [backprop, checkpoint, recompute, symplectic].map((strategy) => [strategy.name, strategy] as const),
  )('is differentiated exactly by %s within itself and within others', (_name, strategy) => {
    const reference = solve(backprop, backprop, riccati.parameters[0]!, y0, ts).gradient;
    for (const inner of [strategy, symplectic]) {
      const { gradient } = solve(strategy, inner, riccati.parameters[0]!, y0, ts);
      expect(relativeError(gradient, reference)).toBeLessThan(1e-13);
    }
  });

  // Adaptive steps follow a difference, and change what is differenced.
  if ('numSteps' in method.stepping) {
    it('is differentiated as central differences over the same steps do', () => {
      const { gradient } = solve(symplectic, backprop, riccati.parameters[0]!, y0, ts);
      const expected = centralDifferences(
        (point) => solve(symplectic, backprop, point.field.parameters[0]!, point.y0, point.ts).end,
        { field: riccati, y0, ts },
      );
      expect(relativeError(gradient, expected)).toBeLessThan(1e-9);
    });
  }

  it('may be solved by the adjoint method outside and an exact one inside', () => {
    const reference = solve(backprop, backprop, riccati.parameters[0]!, y0, ts).gradient;
    const { gradient } = solve(adjoint, symplectic, riccati.parameters[0]!, y0, ts);
    expect(relativeError(gradient, reference)).toBeLessThan(1e-2);
  });
});

describe('solves that share a ledger', () => {
  it('are booked in the pass that is running, one inside the other', () => {
    const ledger = createLedger();
    const engine = createFloat64Engine();
    const field = flowField(engine, backprop, riccati.parameters, ledger);
    const method: Method = { solver: rungeKutta(rk4), stepping: { numSteps: 3 }, ledger };
    const solution = symplectic.solve({ field, y0: [Float64Array.of(0.4)], ts: [0, 1] }, method);
    // 12 evaluations of the outer field, each of 8 of the inner one.
    expect(ledger).toMatchObject({ evaluationsForward: 12 + 12 * 8, evaluationsBackward: 0 });
    const { y0, parameters } = solution.pullback([undefined, [noiseVector(1, 1)]]);
    // Nothing of the outer backward pass is forward but the inner solves' own forward passes: 21 times 8.
    expect(ledger.evaluationsForward).toBe(12 + 12 * 8 + 21 * 8);
    expect(ledger.evaluationsBackward).toBe(21);
    solution.release();
    for (const x of [...y0, ...parameters]) engine.release(x);
    expect(engine.live()).toBe(0);
    expect(ledger).toMatchObject({ phase: 'forward', bytes: 0, keptStateBytes: 0, activationBytes: 0 });
  });
});
