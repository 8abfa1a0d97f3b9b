import type { ButcherTableau } from '../types/tableau.ts';
import { solutionStages } from './tableau.ts';

/**
 * The state within a step at x = (t − t₀)/h as a combination of what the step has already:
 * y(x) = start·y₀ + end·y₁ + h (first·k₁ + last·k_end + Σₘ bumpsₘ qₘ) with qₘ = Σᵢ dₘᵢ kᵢ.
 */
export interface InterpolantWeights {
  readonly start: number;
  readonly end: number;
  /** Of the slope at the start. */
  readonly first: number;
  /** Of the slope at the end, f(t₁, y₁). */
  readonly last: number;
  /** Of each bump of the tableau's continuous extension. */
  readonly bumps: readonly number[];
}

/** How a tableau's solution goes on within a step. `x` is in [0, 1]. */
export interface Interpolant {
  readonly weights: (x: number) => InterpolantWeights;
  /** Their derivatives with respect to x: dy/dt = Σ rateᵢ · (…)/h. */
  readonly rates: (x: number) => InterpolantWeights;
  /**
   * The weights of the slopes in y(x) = y₀ + h Σ wᵢ kᵢ, one for each solution stage and, last, of the slope at the end; with
   * `rates`, their derivatives.
   */
  readonly slopes: (weights: InterpolantWeights) => readonly number[];
  /** dₘᵢ, as in the tableau. */
  readonly bumps: readonly (readonly number[])[];
}

/** The interpolant of a tableau: the cubic of Hermite with the bumps that the tableau has (`ContinuousExtension`). */
export function interpolantOf(tableau: ButcherTableau): Interpolant {
  const bumps = tableau.dense?.bumps ?? [];
  const b = solutionStages(tableau).map((i) => tableau.b[i]!);
  return {
    bumps,
    weights(x) {
      const z = 1 - x;
      return {
        start: z * z * (1 + 2 * x),
        end: x * x * (3 - 2 * x),
        first: x * z * z,
        last: -x * x * z,
        bumps: bumps.map((_, m) => x ** (2 + m) * z * z),
      };
    },
    rates(x) {
      const z = 1 - x;
      return {
        start: -6 * x * z,
        end: 6 * x * z,
        first: z * (1 - 3 * x),
        last: x * (3 * x - 2),
        bumps: bumps.map((_, m) => x ** (1 + m) * z * ((2 + m) * z - 2 * x)),
      };
    },
    slopes({ end, first, last, bumps: scales }) {
      const w = [...b.map((weight) => end * weight), last];
      w[0]! += first;
      bumps.forEach((d, m) => {
        d.forEach((x, i) => {
          w[i]! += scales[m]! * x;
        });
      });
      return w;
    },
  };
}
