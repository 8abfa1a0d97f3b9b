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
