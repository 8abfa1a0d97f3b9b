/**
 * The coefficients of a Runge–Kutta method with s stages: with kᵢ = f(t + cᵢh, y + h Σ aᵢⱼ kⱼ), a step
 * gives y₁ = y + h Σ bᵢ kᵢ. Plain data; indices count from 0.
 */
export interface ButcherTableau {
  /** The literature's name, in lower case: `dopri5`. */
  readonly name: string;
  /** Classical order of y₁. May claim less than holds, never more. */
  readonly order: number;
  /** Where the coefficients were published: authors, year, section or table. */
  readonly reference: string;
  /** s rows; row i holds aᵢ₀ … aᵢ,ᵢ₋₁, so that row 0 is empty, or all s where the method is `implicit`. */
  readonly a: readonly (readonly number[])[];
  /** Whether slopes depend on themselves or on later ones, so that equations are to be solved for them. */
  readonly implicit?: boolean;
  /** s weights. */
  readonly b: readonly number[];
  /** s abscissae, the row sums of `a`. */
  readonly c: readonly number[];
  /** s weights b − b̂ of the error estimate itself, which sum to 0; b̂ are the weights of the embedded method. */
  readonly bError?: readonly number[];
  /** Classical order of the embedded method; required with `bError`. */
  readonly embeddedOrder?: number;
  /** How the solution goes on between the ends of a step; without it, by the cubic Hermite interpolant. */
  readonly dense?: ContinuousExtension;
}

/**
 * y(x) = Hermite(x) + x² (1 − x)² Σₘ xᵐ h Σᵢ dₘᵢ kᵢ for x = (t − t₀)/h in [0, 1], where Hermite is the cubic through y₀ and y₁ with
 * the slopes there. It is continuously differentiable whatever d is, and hits both ends exactly.
 */
export interface ContinuousExtension {
  /** Uniform order of the error between the ends. May claim less than holds, never more. */
  readonly order: number;
  /** d₀, d₁, …: weights of the slopes of the stages on which y₁ depends, in order, and, last, of the slope at the end. */
  readonly bumps: readonly (readonly number[])[];
}
