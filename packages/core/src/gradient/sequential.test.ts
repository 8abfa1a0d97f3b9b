import { symplectic } from '@odegrad/grad-symplectic';
import { backprop } from '@odegrad/grad-backprop';
import { checkpoint, stages } from '@odegrad/grad-checkpoint';
import { dopri5, rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  float64Field,
  neuralField,
  noiseVector,
  type Float64Engine,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';

import { createLedger } from '../memory/ledger.ts';
import { type Ledger } from '../types/statistics.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { sequentialKernel } from './sequential.ts';
import type { VectorField } from '../types/field.ts';
import type { StepKernel } from '../types/kernel.ts';
import type { Solver } from '../types/solver.ts';
import type { GradientStrategy } from '../types/plugin.ts';

const BYTES = 64;
const N = 6;

/** A field whose engine takes steps by `sequentialKernel`, with those that it took in one call. */
function stagedField(
  engine: Float64Engine,
  vjp: boolean,
): { readonly field: VectorField<Float64Array>; readonly calls: number[] } {
  const field = float64Field(engine, neuralField(2, 2), { vjp });
  const calls: number[] = [];
  const compile = (solver: Solver): StepKernel<Float64Array> => {
    const kernel = sequentialKernel(field, solver);
    return {
      ...kernel,
      adjoint(spans, ys, cotangent) {
        calls.push(spans.length);
        return kernel.adjoint(spans, ys, cotangent);
      },
    };
  };
  return { field: { ...field, compile }, calls };
}

describe.each([
  ['rk4', rungeKutta(rk4)],
  ['dopri5', rungeKutta(dopri5)],
])('steps of %s made of stages', (_, solver) => {
  const s = solver.stages;
  const run = (
    strategy: GradientStrategy,
    engine: Float64Engine,
    field: VectorField<Float64Array>,
    ledger: Ledger,
  ): number[][] => {
    const problem = { field, y0: [noiseVector(1, 2)], ts: [0, 0.5, 2] };
    const solution = strategy.solve(problem, { solver, stepping: { numSteps: N / 2 }, ledger });
    const found = [0, 1].map(() => {
      const { y0, parameters } = solution.pullback([undefined, undefined, [noiseVector(2, 2)]]);
      const values = [...y0, ...parameters].map((x) => [...x]);
      for (const x of [...y0, ...parameters]) engine.release(x);
      return values;
    });
    expect(found[1]).toEqual(found[0]);
    solution.release();
    return found[0]!;
  };

  it.each([
    ['symplectic', symplectic, 1],
    ['stages', stages, 0],
    ['checkpoint', checkpoint, 0],
    ['backprop', backprop, 0],
  ] as const)('give %s the very gradient that stages give, and leave nothing', (_name, strategy, asked) => {
    for (const vjp of [true, false]) {
      const [plain, staged] = [createFloat64Engine(), createFloat64Engine()];
      const expected = createLedger();
      const wanted = run(strategy, plain, float64Field(plain, neuralField(2, 2), { vjp }), expected);
      const { field, calls } = stagedField(staged, vjp);
      const ledger = createLedger();
      const found = run(strategy, staged, field, ledger);
      found.forEach((x, i) => {
        x.forEach((entry, e) => {
          expect(entry).toBeCloseTo(wanted[i]![e]!, 14);
        });
      });
      expect(calls).toHaveLength(2 * N * asked);
      expect(staged.live()).toBe(0);
      for (const key of ['evaluationsForward', 'evaluationsBackward', 'pullbacks'] as const)
        expect(ledger[key]).toBe(expected[key]);
      // The activations of one stage, whatever the step has.
      expect(ledger.activationBytesPeak).toBe(expected.activationBytesPeak);
      if (asked) expect(ledger.activationBytesPeak).toBe(BYTES);
    }
  });

  it('hold nothing after an error within', () => {
    const engine = createFloat64Engine();
    let left = 0;
    const before = (): void => {
      if (--left < 0) throw new Error('stop');
    };
    const field = float64Field(engine, neuralField(2, 2), { before });
    const kernel = sequentialKernel(field, solver);
    const y = [noiseVector(1, 2)];
    const spans = [0, 0.5].map((t0) => ({ t0, t1: t0 + 0.5 }));
    for (const call of [
      () => kernel.advance(spans, y, 'states'),
      () => kernel.advance(spans, y, 'activations'),
      () => kernel.adjoint(spans, [y, y], y),
    ]) {
      for (let evaluations = 0; evaluations < 2 * s; evaluations++) {
        left = evaluations;
        expect(call).toThrow('stop');
        expect(engine.live()).toBe(0);
      }
    }
  });
});
