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
  type FusedMethods,
  type Trial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { pi } from './controllers.ts';
import type { FusedStep } from '../types/field.ts';
import type { ButcherTableau } from '../types/tableau.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
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

  it('lets the states of stages go where it pulls steps back from theirs', () => {
    const keeping = (methods: FusedMethods): number | undefined =>
      runTrial(stages, fused(methods)).forward.keptStateBytes;
    expect(keeping(['linearize'])).toBe(16 * s * N);
    for (const methods of [['adjoint'], ['linearize', 'adjoint']] as const) {
      expect(keeping(methods)).toBe(16 * N);
      const [one, other] = [stages, symplectic].map((strategy) => runTrial(strategy, fused(methods)));
      expect(one!.stats).toEqual(other!.stats);
      expect(one!.gradient).toEqual(other!.gradient);
    }
    // Time gradients go stage by stage.
    const timed = { ...fused(['adjoint']), timeGradients: true };
    expect(runTrial(stages, timed).forward.keptStateBytes).toBe(16 * s * N);
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

  it.each([
    ['dopri5', rungeKutta(dopri5)],
    ['bosh3', rungeKutta(bosh3)],
    ['cash_karp', rungeKutta(cashKarp)],
  ])('attempts adaptive steps of %s, rejected ones too, with the same evaluations', (_name, solver) => {
    for (const firstStep of [undefined, 1]) {
      const stepping = { rtol: 1e-6, atol: 1e-6, controller: pi, ...(firstStep ? { firstStep } : {}) };
      const adaptive = { ...trial, method: { solver, stepping } };
      for (const strategy of [symplectic, checkpoint, recompute, stages, backprop]) {
        const plain = runTrial(strategy, { ...adaptive, fuse: ['adjoint'] });
        const whole = runTrial(strategy, { ...adaptive, fuse: ['attempt', 'adjoint'] });
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
      ...fused(['adjoint']),
      method: { ...trial.method, solver: strange },
    });
    expect(relativeError(outcome.gradient, runTrial(symplectic, trial).gradient)).toBeLessThan(1e-14);
  });

  describe('several in one call', () => {
    const several = (longest: number, methods: FusedMethods = ['adjoint']): Trial => ({
      ...trial,
      ts: [0, 0.5, 2],
      method: { solver, stepping: { numSteps: 5 } },
      fuse: methods,
      longest,
    });
    it.each(
      [symplectic, checkpoint].flatMap((strategy) =>
        [2, 3, 5, 64].map((longest) => [strategy.name, longest, strategy] as const),
      ),
    )('%s, up to %i, gives what single steps give', (_strategy, longest, strategy) => {
      const [plain, outcome] = [1, longest].map((most) => runTrial(strategy, several(most)));
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
      for (const methods of [['linearize'], ['linearize', 'adjoint']] as const) {
        const [plain, outcome] = [1, longest].map((most) => runTrial(backprop, several(most, methods)));
        expect(outcome!.ys).toEqual(plain!.ys);
        expect(outcome!.steps).toEqual(plain!.steps);
        expect(relativeError(outcome!.gradient, plain!.gradient)).toBeLessThan(1e-14);
        expect(relativeError(outcome!.repeated, plain!.gradient)).toBeLessThan(1e-14);
        expect(outcome).toMatchObject({ live: 0, bytes: 0, evaluations: plain!.evaluations });
        expect(outcome!.stats).toEqual(plain!.stats);
        expect(outcome!.forward).toEqual(plain!.forward);
      }
    });

    it.each([
      ['adjoint', symplectic],
      ['pullback', backprop],
    ] as const)(
      '%s does not pass an output time with a cotangent, and passes one without',
      (name, strategy) => {
        const calls: number[] = [];
        for (const middle of [undefined, noiseVector(5, 2)]) {
          const cotangents = [undefined, middle, noiseVector(6, 2)];
          const engine = createFloat64Engine();
          const field = fusedField(engine, neuralField(2, 2), ['linearize', 'adjoint'], {}, 64);
          const fuse = (tableau: ButcherTableau): FusedStep<Float64Array> => {
            const fused = field.fuse!(tableau)!;
            const several = fused.several!;
            const counted = {
              adjoint: (...args: Parameters<NonNullable<typeof several.adjoint>>) => {
                calls.push(args[0].length);
                return several.adjoint!(...args);
              },
              pullback: (...args: Parameters<NonNullable<typeof several.pullback>>) => {
                calls.push(args[0].length);
                return several.pullback!(...args);
              },
            };
            return { ...fused, several: { ...several, [name]: counted[name] } };
          };
          const problem = { field: { ...field, fuse }, y0: [noiseVector(1, 2)], ts: [0, 0.5, 2] };
          const solution = strategy.solve(problem, { solver, stepping: { numSteps: 5 } });
          solution.pullback(cotangents.map((x) => x && [x]));
          solution.release();
        }
        expect(calls).toEqual([10, 5, 5]);
      },
    );

    it.each([
      ['advance', symplectic],
      ['linearize', backprop],
    ] as const)('%s goes on past output times', (name, strategy) => {
      const calls: number[] = [];
      const field = fusedField(createFloat64Engine(), neuralField(2, 2), ['linearize', 'adjoint'], {}, 4);
      const fuse = (tableau: ButcherTableau): FusedStep<Float64Array> => {
        const fused = field.fuse!(tableau)!;
        const several = fused.several!;
        const counted = {
          advance: (...args: Parameters<typeof several.advance>) => {
            calls.push(args[0].length);
            return several.advance(...args);
          },
          linearize: (...args: Parameters<NonNullable<typeof several.linearize>>) => {
            calls.push(args[0].length);
            return several.linearize!(...args);
          },
        };
        return { ...fused, several: { ...several, [name]: counted[name] } };
      };
      const ts = [0, 1, 1.5, 3, 3.25, 4];
      const solution = strategy.solve(
        { field: { ...field, fuse }, y0: [noiseVector(1, 2)], ts },
        { solver, stepping: { stepSize: 0.5 } },
      );
      // 2 + 1 + 3 + 1 + 2 steps, the last of them by itself.
      expect(calls).toEqual([4, 4]);
      expect(solution.stats.accepted).toBe(9);
      expect(solution.stats.evaluationsForward).toBe(9 * s);
      solution.release();
    });

    it('is for schedules that keep the same of every step; others step one by one', () => {
      for (const strategy of [backprop, recompute]) {
        const [one, many] = [1, 64].map((longest) => runTrial(strategy, several(longest)));
        expect(many!.stats).toEqual(one!.stats);
        expect(many!.gradient).toEqual(one!.gradient);
      }
    });

    it.each([symplectic, backprop])('stops when the solve is aborted, and leaves nothing', (strategy) => {
      const engine = createFloat64Engine();
      const field = fusedField(engine, neuralField(2, 2), ['linearize', 'adjoint'], {}, 64);
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
