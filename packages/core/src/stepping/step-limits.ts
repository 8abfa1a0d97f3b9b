import { SolveError, type SolveErrorDetails } from '../arguments/errors.ts';
import type { AdaptiveStepping } from '../types/stepping.ts';

/** Between which sizes adaptive steps are chosen, and what becomes of a solve that finds none. */
export interface StepLimits {
  /** A size that a controller wishes for, within the limits; below the smallest only where the solve is to fail of it. */
  within(h: number): number;
  /** The same for a size that was guessed, which is no reason to fail. */
  guessed(h: number): number;
  /** What reaches so far, and no further than the largest. */
  reach(h: number): number;
  /** Whether an attempt of size `taken`, where the size was `h`, counts whatever its error. */
  forces(h: number, taken: number): boolean;
  /** @throws {SolveError} `step-underflow`, `non-finite` or `no-convergence` where `h` is too small, or too large, at t, with so much time left. */
  check(h: number, left: number, details: Omit<SolveErrorDetails, 'h'>): void;
}

export function stepLimits({
  minStep = 0,
  maxStep = Infinity,
  force = false,
}: Pick<AdaptiveStepping, 'minStep' | 'maxStep' | 'force'>): StepLimits {
  const reach = (h: number): number => Math.min(h, maxStep);
  const guessed = (h: number): number => Math.max(minStep, reach(h));
  return {
    reach,
    guessed,
    within: force ? guessed : reach,
    forces: (h, taken) => force && Math.min(h, taken) <= minStep,
    check(h, left, details) {
      const t = Math.abs(details.t);
      // Only where there is no end to land on.
      if (t + h === Infinity)
        throw new SolveError(
          'non-finite',
          `The time outgrows all numbers, in steps that grow because the solution no longer changes. Give \`maxStep\`, or an end`,
          { ...details, h },
        );
      // At t = 0 float64 resolves steps of any size; far below the interval's length they lead nowhere.
      const resolved = 4 * Number.EPSILON * Math.max(t, left === Infinity ? 0 : Number.EPSILON * left);
      const smallest = Math.max(minStep, resolved);
      if (h >= smallest && t + h !== t) return;
      const { errorNorm, ...where } = details;
      if (errorNorm === Infinity)
        throw new SolveError(
          'non-finite',
          `The state or the slope is not finite however small the step. Look at f for a division by zero, ` +
            `a logarithm or a root of something negative, or an overflow`,
          { ...details, h },
        );
      if (Number.isNaN(errorNorm))
        throw new SolveError(
          'no-convergence',
          `The equations of an implicit step were not solved however small the step. Look at f for jumps and for entries that ` +
            `are not finite; in float32 also for more stiffness than it resolves`,
          { ...where, h },
        );
      throw new SolveError(
        'step-underflow',
        minStep > resolved
          ? `The error asks for a step below \`minStep\`, ${minStep.toExponential(2)}. Lower that, raise rtol or atol, or accept ` +
              `steps of that size whatever their error with \`force: true\``
          : `The step size fell below ${smallest.toExponential(2)}: the error does not shrink with the step. ` +
              `The tolerance may be below what the arrays' precision resolves (raise rtol or atol), or the ` +
              `problem stiff or discontinuous here`,
        { ...details, h },
      );
    },
  };
}
