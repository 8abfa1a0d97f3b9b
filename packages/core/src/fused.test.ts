import { checkpoint, recompute, stages } from '@odegrad/grad-checkpoint';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import { dopri5, rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  float64Field,
  neuralField,
  noiseVector,
  relativeError,
  runTrial,
  type FusedMethods,
  type Trial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { pi } from './controllers.ts';
import { rungeKutta } from './runge-kutta.ts';
import { forward } from './schedule.ts';

const BYTES = 64;
const N = 4;

describe.each([
  ['rk4', rungeKutta(rk4)],
  ['dopri5', rungeKutta(dopri5)],
])('an engine that takes whole steps of %s', (_, solver) => {
  const s = solver.stages;
  const trial: Trial = {
    field: neuralField(2, 2),
    y0: noiseVector(1, 2),
    ts: [0, 0.5, 2],
    method: { solver, stepping: { numSteps: N / 2 } },
    timeGradients: false,
  };
  const fused = (methods: FusedMethods): Trial => ({ ...trial, fuse: methods });
  const all: readonly FusedMethods[] = [[], ['linearize'], ['adjoint'], ['linearize', 'adjoint']];

  it.each(
    [backprop, checkpoint, recompute, stages, symplectic].map(
      (strategy) => [strategy.name, strategy] as const,
    ),
  )('gives %s the gradient that stages give', (_name, strategy) => {
    const expected = runTrial(strategy, trial);
    for (const methods of all) {
      const outcome = runTrial(strategy, fused(methods));
      expect(outcome.ys).toEqual(expected.ys);
      expect(relativeError(outcome.gradient, expected.gradient)).toBeLessThan(1e-14);
      expect(relativeError(outcome.repeated, expected.gradient)).toBeLessThan(1e-14);
      expect(outcome).toMatchObject({ live: 0, bytes: 0 });
      expect(outcome.stats.pullbacks).toBe(s * N);
    }
  });

  it('lets a step with all its activations be kept as one, at the cost of its stages', () => {
    for (const methods of [['linearize'], ['linearize', 'adjoint']] as const) {
      const { stats, forward: after } = runTrial(backprop, fused(methods));
      expect(after).toMatchObject({ keptStateBytes: 16 * N, activationBytes: s * N * BYTES });
      expect(stats).toMatchObject({ evaluationsForward: s * N, evaluationsBackward: 0 });
    }
  });

  it('lets a step be pulled back in one call from its state, holding the activations of all stages for the moment', () => {
    const { stats, forward: after } = runTrial(symplectic, fused(['adjoint']));
    expect(after).toMatchObject({ keptStateBytes: 16 * N, activationBytes: 0 });
    // Evaluated once more in the adjoint, not twice: the stages are never made by themselves.
    expect(stats).toMatchObject({ evaluationsForward: s * N, evaluationsBackward: s * N });
    expect(stats.activationBytesPeak).toBe(s * BYTES);
  });

  it('is not asked where it cannot serve: time gradients and error estimates', () => {
    for (const methods of all) {
      const timed = runTrial(symplectic, { ...trial, timeGradients: true, fuse: methods });
      expect(timed.gradient).toEqual(runTrial(symplectic, { ...trial, timeGradients: true }).gradient);
      expect(timed.stats.evaluationsBackward).toBe((2 * s - 1) * N);
    }
    const stepping = { rtol: 1e-5, atol: 1e-5, controller: pi };
    const adaptive = { ...trial, method: { solver: rungeKutta(dopri5), stepping } };
    const [plain, whole] = [
      runTrial(checkpoint, adaptive),
      runTrial(checkpoint, { ...adaptive, fuse: ['linearize'] }),
    ];
    expect(whole.steps).toEqual(plain.steps);
    expect(whole.stats.evaluationsForward).toBe(plain.stats.evaluationsForward);
    expect(relativeError(whole.gradient, plain.gradient)).toBeLessThan(1e-14);
  });

  it('is not asked for a tableau that it does not know', () => {
    const strange = { ...solver, tableau: undefined } as unknown as typeof solver;
    const outcome = runTrial(symplectic, {
      ...fused(['adjoint']),
      method: { ...trial.method, solver: strange },
    });
    expect(relativeError(outcome.gradient, runTrial(symplectic, trial).gradient)).toBeLessThan(1e-14);
  });

  it('solves forward in whole steps', () => {
    expect(() => runTrial(forward, fused([]))).toThrow('nothing to go back with');
  });
});

it('a field that evaluates and pulls back in one go is not linearized where no activations are kept', () => {
  for (const strategy of [symplectic, stages]) {
    const engine = createFloat64Engine();
    const field = {
      ...float64Field(engine, neuralField(2, 2), { vjp: true }),
      linearize: () => {
        throw new Error('not asked for');
      },
    };
    const problem = { field, y0: [noiseVector(1, 2)], ts: [0, 1], timeGradients: true };
    const solution = strategy.solve(problem, { solver: rungeKutta(dopri5), stepping: { numSteps: 2 } });
    const { y0, parameters } = solution.pullback([undefined, [noiseVector(2, 2)]]);
    solution.release();
    for (const x of [...y0, ...parameters]) engine.release(x);
    expect(engine.live()).toBe(0);
  }
});
