import { ArgumentError } from '../arguments/errors.ts';
import { checkOptions, finite, numberThat, text, type Rule } from '../arguments/options.ts';
import type { StepSizeController } from '../types/stepping.ts';

/** Settings of a PID controller; the coefficients are divided by the order of the error estimate plus one. */
export interface PidOptions {
  readonly name?: string;
  /** The sum of the three is positive. */
  readonly p?: number;
  readonly i?: number;
  readonly d?: number;
  /** The step aimed at is this much smaller than the one whose error would be exactly 1; at most 1. */
  readonly safety?: number;
  /** Bounds of the factor from one attempt to the next, below 1 and above it. */
  readonly minFactor?: number;
  readonly maxFactor?: number;
}

const RULES = {
  name: text,
  p: finite,
  i: finite,
  d: finite,
  safety: numberThat('above 0 and at most 1', (x) => x > 0 && x <= 1),
  minFactor: numberThat('above 0 and below 1', (x) => x > 0 && x < 1),
  maxFactor: numberThat('above 1', (x) => x > 1),
} satisfies Record<keyof PidOptions, Rule>;

/**
 * Multiplies the step by `safety · ε₀^(−(p+i+d)/q) · ε₁^((p+2d)/q) · ε₂^(−d/q)`, ε₀ the scaled error of the
 * attempt, ε₁ and ε₂ those of the accepted steps before, q the order of the error estimate plus one.
 * A rejected attempt is shrunk by its own error alone.
 *
 * Source: G. Söderlind, Digital filters in adaptive time-stepping, ACM TOMS 29 (2003), §3.
 *
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export function pid(options: PidOptions = {}): StepSizeController {
  checkOptions('pid', options, RULES);
  const { name = 'pid', p = 0.4, i = 0.3, d = 0, safety = 0.9, minFactor = 0.2, maxFactor = 10 } = options;
  if (!(p + i + d > 0)) {
    throw new ArgumentError(
      `\`p\`, \`i\` and \`d\` sum to ${p + i + d}; the sum must be positive, or steps would not grow where errors are small.`,
    );
  }
  return {
    name,
    next([norm, ...before], order) {
      // A perfect step has no finite power; the smallest error that still matters stands in for it.
      const power = (x: number | undefined, exponent: number): number =>
        x === undefined ? 1 : Math.max(x, 1e-10) ** (exponent / order);
      const accept = norm! <= 1;
      const factor = accept
        ? safety * power(norm, -(p + i + d)) * power(before[0], p + 2 * d) * power(before[1], -d)
        : Math.min(1, safety * power(norm, -1));
      return { accept, factor: Math.min(maxFactor, Math.max(minFactor, factor)) };
    },
  };
}

/** The integral controller of most textbooks: Hairer, Nørsett & Wanner, Solving ODEs I, II.4 (4.13). */
export const integral: StepSizeController = pid({ name: 'integral', p: 0, i: 1 });

/** Gustafsson's proportional–integral controller: smoother steps, fewer rejections. */
export const pi: StepSizeController = pid({ name: 'pi', p: 0.4, i: 0.3 });
