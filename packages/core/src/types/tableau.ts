/**
 * The coefficients of an explicit Runge–Kutta method with s stages: with kᵢ = f(t + cᵢh, y + h Σ aᵢⱼ kⱼ), a step
 * gives y₁ = y + h Σ bᵢ kᵢ. Plain data; indices count from 0.
 */
export interface ButcherTableau {
  /** The literature's name, in lower case: `dopri5`. */
  readonly name: string;
  /** Classical order of y₁. May claim less than holds, never more. */
  readonly order: number;
  /** Where the coefficients were published: authors, year, section or table. */
  readonly reference: string;
  /** s rows; row i holds aᵢ₀ … aᵢ,ᵢ₋₁, so that row 0 is empty. */
  readonly a: readonly (readonly number[])[];
  /** s weights. */
  readonly b: readonly number[];
  /** s abscissae, the row sums of `a`. */
  readonly c: readonly number[];
  /** s weights b − b̂ of the error estimate itself, which sum to 0; b̂ are the weights of the embedded method. */
  readonly bError?: readonly number[];
  /** Classical order of the embedded method; required with `bError`. */
  readonly embeddedOrder?: number;
}
