import { checkpoint, recompute, stages } from '@odegrad/grad-checkpoint';
import { backprop } from '@odegrad/grad-backprop';
import { symplectic } from '@odegrad/grad-symplectic';
import { bosh3, cashKarp, dopri5, rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  float64Field,
  fusedField,
  neuralField,
  noiseVector,
  relativeError,
  runTrial,
  type Trial,
  type WholeSteps,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { pi } from './controllers.ts';
import type { StepKernel } from '../types/kernel.ts';
import type { GradientStrategy } from '../types/plugin.ts';
import type { Solver } from '../types/solver.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import type { Statistics } from '../types/statistics.ts';
import { forward } from '../gradient/schedule.ts';

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
  const fused = (whole: WholeSteps): Trial => ({ ...trial, whole });
  const all: readonly WholeSteps[] = [{ alive: 'stage' }, { alive: 'step' }];

  it.each(
    [backprop, checkpoint, recompute, stages, symplectic].map(
      (strategy) => [strategy.name, strategy] as const,
    ),
  )('gives %s the gradient that stages give', (_name, strategy) => {
    const expected = runTrial(strategy, trial);
    for (const whole of all) {
      const outcome = runTrial(strategy, fused(whole));
      expect(outcome.ys).toEqual(expected.ys);
      expect(relativeError(outcome.gradient, expected.gradient)).toBeLessThan(1e-14);
      expect(relativeError(outcome.repeated, expected.gradient)).toBeLessThan(1e-14);
      expect(outcome).toMatchObject({ live: 0, bytes: 0 });
      expect(outcome.stats.pullbacks).toBe(s * N);
    }
  });

  it('lets the states of stages go where it pulls steps back from theirs', () => {
    const keeping = (whole: WholeSteps): number | undefined =>
      runTrial(stages, fused(whole)).forward.keptStateBytes;
    expect(keeping({ alive: 'stage' })).toBe(16 * s * N);
    expect(keeping({ alive: 'step' })).toBe(16 * N);
    const [one, other] = [stages, symplectic].map((strategy) => runTrial(strategy, fused({ alive: 'step' })));
    expect(one!.stats).toEqual(other!.stats);
    expect(one!.gradient).toEqual(other!.gradient);
    // Time gradients go stage by stage.
    const timed = { ...fused({ alive: 'step' }), timeGradients: true };
    expect(runTrial(stages, timed).forward.keptStateBytes).toBe(16 * s * N);
  });

  it('lets a step with all its activations be kept as one, at the cost of its stages', () => {
    for (const whole of all) {
      const { stats, forward: after } = runTrial(backprop, fused(whole));
      expect(after).toMatchObject({ keptStateBytes: 16 * N, activationBytes: s * N * BYTES });
      expect(stats).toMatchObject({ evaluationsForward: s * N, evaluationsBackward: 0 });
    }
  });

  it('lets a step be pulled back in one call from its state, holding the activations of all stages for the moment', () => {
    const { stats, forward: after } = runTrial(symplectic, fused({ alive: 'step' }));
    expect(after).toMatchObject({ keptStateBytes: 16 * N, activationBytes: 0 });
    // Evaluated once more in the adjoint, not twice: the stages are never made by themselves.
    expect(stats).toMatchObject({ evaluationsForward: s * N, evaluationsBackward: s * N });
    expect(stats.activationBytesPeak).toBe(s * BYTES);
  });

  it('is not asked where it cannot serve: time gradients and error estimates', () => {
    for (const whole of all) {
      const timed = runTrial(symplectic, { ...trial, timeGradients: true, whole });
      expect(timed.gradient).toEqual(runTrial(symplectic, { ...trial, timeGradients: true }).gradient);
      expect(timed.stats.evaluationsBackward).toBe((2 * s - 1) * N);
    }
    const stepping = { rtol: 1e-5, atol: 1e-5, controller: pi };
    const adaptive = { ...trial, method: { solver: rungeKutta(dopri5), stepping } };
    const [plain, whole] = [
      runTrial(checkpoint, adaptive),
      runTrial(checkpoint, { ...adaptive, whole: { alive: 'stage' } }),
    ];
    expect(whole.steps).toEqual(plain.steps);
    expect(whole.stats.evaluationsForward).toBe(plain.stats.evaluationsForward);
    expect(relativeError(whole.gradient, plain.gradient)).toBeLessThan(1e-14);
  });

  it.each([
    ['dopri5', rungeKutta(dopri5)],
    ['bosh3', rungeKutta(bosh3)],
    ['cash_karp', rungeKutta(cashKarp)],
  ])('attempts adaptive steps of %s, rejected ones too, with the same evaluations', (_name, solver) => {
    for (const firstStep of [undefined, 1]) {
      const stepping = { rtol: 1e-6, atol: 1e-6, controller: pi, ...(firstStep ? { firstStep } : {}) };
      const adaptive = { ...trial, method: { solver, stepping } };
      for (const strategy of [symplectic, checkpoint, recompute, stages, backprop]) {
        const plain = runTrial(strategy, { ...adaptive, whole: { alive: 'step' } });
        const whole = runTrial(strategy, { ...adaptive, whole: { alive: 'step', attempt: true } });
        expect(whole.ys).toEqual(plain.ys);
        expect(whole.steps).toEqual(plain.steps);
        expect(relativeError(whole.gradient, plain.gradient)).toBeLessThan(1e-14);
        expect(whole).toMatchObject({ live: 0, bytes: 0, evaluations: plain.evaluations });
        const { bytesPeak, ...counts } = whole.stats;
        const { bytesPeak: most, ...expected } = plain.stats;
        expect(counts).toEqual(expected);
        expect(bytesPeak).toBeLessThanOrEqual(most);
        if (firstStep) expect(counts.rejected).toBeGreaterThan(0);
      }
    }
  });

  it('is not asked for a tableau that it does not know', () => {
    const strange = { ...solver, tableau: undefined } as unknown as typeof solver;
    const outcome = runTrial(symplectic, {
      ...fused({ alive: 'step' }),
      method: { ...trial.method, solver: strange },
    });
    expect(relativeError(outcome.gradient, runTrial(symplectic, trial).gradient)).toBeLessThan(1e-14);
  });

  describe('several in one call', () => {
    const several = (longest: number, alive: WholeSteps['alive'] = 'step'): Trial => ({
      ...trial,
      ts: [0, 0.5, 2],
      method: { solver, stepping: { numSteps: 5 } },
      whole: { alive, longest },
    });
    it.each(
      [[symplectic, 'step'] as const, [symplectic, 'stage'] as const, [checkpoint, 'step'] as const].flatMap(
        ([strategy, alive]) =>
          [2, 3, 5, 64].map((longest) => [strategy.name, alive, longest, strategy] as const),
      ),
    )('%s by %s, up to %i, gives what single steps give', (_strategy, alive, longest, strategy) => {
      const [plain, outcome] = [1, longest].map((most) => runTrial(strategy, several(most, alive)));
      expect(outcome!.ys).toEqual(plain!.ys);
      expect(outcome!.steps).toEqual(plain!.steps);
      expect(relativeError(outcome!.gradient, plain!.gradient)).toBeLessThan(1e-14);
      expect(relativeError(outcome!.repeated, plain!.gradient)).toBeLessThan(1e-14);
      expect(outcome).toMatchObject({ live: 0, bytes: 0, evaluations: plain!.evaluations });
      const { bytesPeak, ...counts } = outcome!.stats;
      const { bytesPeak: least, ...expected } = plain!.stats;
      expect(counts).toEqual(expected);
      // The states of a call are gathered for it: at most as many as it takes.
      expect(bytesPeak - least).toBeLessThanOrEqual(16 * Math.min(longest, 10));
      expect(bytesPeak).toBeGreaterThan(least);
    });

    it.each([2, 3, 5, 64])('backprop, up to %i, keeps and gives what it does of single steps', (longest) => {
      for (const { alive } of all) {
        const [plain, outcome] = [1, longest].map((most) => runTrial(backprop, several(most, alive)));
        expect(outcome!.ys).toEqual(plain!.ys);
        expect(outcome!.steps).toEqual(plain!.steps);
        expect(relativeError(outcome!.gradient, plain!.gradient)).toBeLessThan(1e-14);
        expect(relativeError(outcome!.repeated, plain!.gradient)).toBeLessThan(1e-14);
        expect(outcome).toMatchObject({ live: 0, bytes: 0, evaluations: plain!.evaluations });
        // Steps that are pulled back in one call are added up within it.
        expectCounts(outcome!.stats, plain!.stats);
        expect(outcome!.forward).toEqual(plain!.forward);
      }
    });

    /** The same in every count, and no more bytes at most. */
    const expectCounts = (
      { bytesPeak, ...found }: Statistics,
      { bytesPeak: most, ...wanted }: Statistics,
    ) => {
      expect(found).toEqual(wanted);
      expect(bytesPeak).toBeLessThanOrEqual(most);
    };
    /** A field whose kernel tells of its calls. */
    const watched = (
      longest: number,
      watch: (kernel: StepKernel<Float64Array>) => StepKernel<Float64Array>,
    ) => {
      const whole = { alive: 'step', longest } as const;
      const field = fusedField(createFloat64Engine(), neuralField(2, 2), whole);
      return { ...field, compile: (solver: Solver) => watch(field.compile!(solver)!) };
    };
    const pullBackTwice = (strategy: GradientStrategy, field: ReturnType<typeof watched>): void => {
      for (const middle of [undefined, noiseVector(5, 2)]) {
        const cotangents = [undefined, middle, noiseVector(6, 2)];
        const problem = { field, y0: [noiseVector(1, 2)], ts: [0, 0.5, 2] };
        const solution = strategy.solve(problem, { solver, stepping: { numSteps: 5 } });
        solution.pullback(cotangents.map((x) => x && [x]));
        solution.release();
      }
    };

    it('does not pull back past an output time with a cotangent from states, and passes one without', () => {
      const calls: number[] = [];
      const field = watched(64, (kernel) => ({
        ...kernel,
        adjoint(...args) {
          calls.push(args[0].length);
          return kernel.adjoint(...args);
        },
      }));
      pullBackTwice(symplectic, field);
      expect(calls).toEqual([10, 5, 5]);
    });

    it('takes cotangents at output times along through activations', () => {
      const calls: boolean[][] = [];
      const field = watched(64, (kernel) => ({
        ...kernel,
        advance(...args) {
          const segment = kernel.advance(...args);
          const linearization = segment.linearization!;
          return {
            ...segment,
            linearization: {
              ...linearization,
              pullback(cotangents) {
                calls.push(Array.from(cotangents, (x) => x !== undefined));
                return linearization.pullback(cotangents);
              },
            },
          };
        },
      }));
      pullBackTwice(backprop, field);
      const at = (...ends: number[]): boolean[] => Array.from({ length: 10 }, (_, n) => ends.includes(n));
      expect(calls).toEqual([at(9), at(4, 9)]);
    });

    it('pulls back no further than from the last cotangent', () => {
      const { stats, gradient } = runTrial(backprop, {
        ...several(64),
        cotangents: [undefined, noiseVector(5, 2), undefined],
      });
      const plain = runTrial(backprop, {
        ...trial,
        ...several(1),
        cotangents: [undefined, noiseVector(5, 2), undefined],
      });
      expect(relativeError(gradient, plain.gradient)).toBeLessThan(1e-14);
      expectCounts(stats, plain.stats);
      expect(stats.pullbacks).toBe(5 * s);
    });

    it.each([symplectic, backprop])('goes on past output times', (strategy) => {
      const calls: number[] = [];
      const field = watched(4, (kernel) => ({
        ...kernel,
        advance(...args) {
          calls.push(args[0].length);
          return kernel.advance(...args);
        },
      }));
      const ts = [0, 1, 1.5, 3, 3.25, 4];
      const solution = strategy.solve(
        { field, y0: [noiseVector(1, 2)], ts },
        { solver, stepping: { stepSize: 0.5 } },
      );
      // 2 + 1 + 3 + 1 + 2 steps.
      expect(calls).toEqual([4, 4, 1]);
      expect(solution.stats.accepted).toBe(9);
      expect(solution.stats.evaluationsForward).toBe(9 * s);
      solution.release();
    });

    it('is for schedules that keep the same of every step; others step one by one', () => {
      for (const strategy of [backprop, recompute]) {
        const [one, many] = [1, 64].map((longest) => runTrial(strategy, several(longest)));
        expectCounts(many!.stats, one!.stats);
        expect(many!.gradient).toEqual(one!.gradient);
      }
    });

    it.each([symplectic, backprop])('stops when the solve is aborted, and leaves nothing', (strategy) => {
      const engine = createFloat64Engine();
      const field = fusedField(engine, neuralField(2, 2), { alive: 'step', longest: 64 });
      const abort = new AbortController();
      let steps = 0;
      const onStep = (): void => {
        if (++steps === 2) abort.abort();
      };
      const problem = { field, y0: [noiseVector(1, 2)], ts: [0, 1] };
      const method = { solver, stepping: { numSteps: 5 }, signal: abort.signal, onStep };
      expect(() => strategy.solve(problem, method)).toThrow('aborted');
      expect(steps).toBe(2);
      expect(engine.live()).toBe(0);
    });
  });

  it('solves forward in whole steps', () => {
    expect(() => runTrial(forward, fused({ alive: 'stage' }))).toThrow('nothing to go back with');
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
