import type { GradientStrategy, Solver } from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import { discreteSolution } from './discrete.ts';
import { adaptive, exactGradient, increasing, neural, repeating } from './gradient-trials.ts';
import { forcing, noiseVector, pendulum } from './problems.ts';
import { flatten, relativeError, runTrial, type Outcome, type Trial } from './trial.ts';

/** What happens at the edges: some cotangents only, repeated times, parameters that f does not use, several parts. */
export function describeEdges(
  strategy: GradientStrategy,
  [best, bestAdaptive]: readonly [Solver, Solver],
  timed: boolean,
): void {
  describe('at the edges', () => {
    const methods = [
      ['equal steps', { solver: best, stepping: { numSteps: 5 } }],
      ['adaptive steps', { solver: bestAdaptive, stepping: adaptive(1e-7) }],
    ] as const;
    const near = strategy.exact ? 1e-12 : 1e-5;
    const close = (trial: Trial): void => {
      const outcome = runTrial(strategy, trial);
      expect(relativeError(outcome.gradient, exactGradient(trial, outcome.steps))).toBeLessThan(near);
      expect(outcome.live).toBe(0);
    };

    describe.each(methods)('with %s', (_, method) => {
      it('takes cotangents of some outputs only', () => {
        const k = noiseVector(5, 2);
        for (const cotangents of [
          [undefined, k, undefined],
          [k, undefined, undefined],
          [undefined, undefined, k],
          [undefined, undefined, undefined],
          [k, undefined, k],
        ]) {
          close({ ...neural, ts: increasing, method, cotangents });
        }
      });

      it.each(repeating)('serves %s times, whichever outputs have cotangents', (_times, ts) => {
        close({ ...neural, ts, method });
        for (const parity of [0, 1]) {
          const cotangents = ts.map((_t, i) => (i % 2 === parity ? noiseVector(i, 2) : undefined));
          close({ ...neural, ts, method, cotangents });
        }
        const { ys } = runTrial(strategy, { ...neural, ts, method });
        const all = runTrial(strategy, { ...neural, ts: [...new Set(ts)], method });
        // The same state to the bit, and no step more.
        expect(ys).toEqual(ts.map((t) => all.ys[[...new Set(ts)].indexOf(t)]));
        const stats = ({ forward: { accepted, evaluationsForward, bytesPeak } }: Outcome): number[] => [
          accepted,
          evaluationsForward,
          bytesPeak,
        ];
        expect(stats(runTrial(strategy, { ...neural, ts, method }))).toEqual(stats(all));
      });

      it('gives the direct cotangent alone where only ys[0] has one', () => {
        const k = noiseVector(5, 2);
        const { gradient } = runTrial(strategy, {
          ...neural,
          ts: increasing,
          method,
          cotangents: [k, undefined, undefined],
        });
        expect(gradient.y0).toEqual(k);
        expect(
          flatten(gradient)
            .slice(2)
            .every((x) => x === 0),
        ).toBe(true);
      });

      it('gives zeros for a parameter that f does not use', () => {
        const { gradient } = runTrial(strategy, { ...neural, ts: increasing, method });
        expect(gradient.parameters.at(-1)).toEqual(new Float64Array(2));
      });

      it('serves an f that does not depend on y, and one without parameters', () => {
        close({ field: forcing, y0: Float64Array.of(0.3), ts: increasing, method });
        close({ field: pendulum, y0: Float64Array.of(1, 0.2), ts: increasing, method });
      });

      it('serves states of several arrays', () => {
        const trial = { ...neural, ts: increasing, method };
        close({ ...trial, parts: [1, 1] });
        // The error norm is the same whatever the parts, and so is everything else.
        const [whole, cut] = [runTrial(strategy, trial), runTrial(strategy, { ...trial, parts: [1, 1] })];
        expect(relativeError(cut.gradient, whole.gradient)).toBeLessThan(1e-13);
      });

      it('uses a fused vector–Jacobian product where the field has one, to the same result', () => {
        const trial = { ...neural, ts: increasing, method };
        const [plain, fused] = [runTrial(strategy, trial), runTrial(strategy, { ...trial, vjp: true })];
        expect(fused.gradient).toEqual(plain.gradient);
        if (!timed) expect(fused.stats.activationBytesPeak).toBe(plain.stats.activationBytesPeak);
      });

      it('gives zeros for the times, and the same otherwise, where no time gradients are asked for', () => {
        const trial = { ...neural, ts: increasing, method };
        const [with_, without] = [
          runTrial(strategy, trial).gradient,
          runTrial(strategy, { ...trial, timeGradients: false }).gradient,
        ];
        expect(without).toEqual({ ...with_, ts: [0, 0, 0] });
      });

      it('solves as without a gradient, and again the same', () => {
        const trial = { ...neural, ts: increasing, method };
        const [once, again] = [runTrial(strategy, trial), runTrial(strategy, trial)];
        expect(again).toEqual(once);
        const ys = discreteSolution(method.solver.tableau!, neural.field, neural.y0, once.steps);
        once.ys.forEach((y, i) => y.forEach((x, m) => expect(x).toBeCloseTo(ys[i]![m]!, 13)));
      });
    });
  });
}
