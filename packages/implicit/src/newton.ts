/** The equations kᵢ = f(tᵢ, baseᵢ + h Σ aᵢⱼ kⱼ) of m stages that depend on each other, in numbers. */
export interface StageEquations {
  /** h aᵢⱼ among these stages. */
  readonly weights: readonly (readonly number[])[];
  readonly bases: readonly Float64Array[];
  /** f at stage i. */
  evaluate(i: number, point: Float64Array): Float64Array;
  /** What solves the equations linearized at f's derivative of `refresh` for the residuals; undefined where nothing does. */
  solve(residuals: readonly Float64Array[], at: Linearized): readonly Float64Array[] | undefined;
  /** Takes f's derivative at the points of the stages. */
  refresh(points: readonly Float64Array[]): void;
  /** How large changes are that led to the points: 1 where that is as far as the solution may be away. */
  measure(changes: readonly Float64Array[], points: readonly Float64Array[]): number;
  /** Whether changes that led to the points are no more than the rounding of the numbers. */
  isRounding(changes: readonly Float64Array[], points: readonly Float64Array[]): boolean;
}

/** Where the equations are linearized. */
export interface Linearized {
  readonly points: readonly Float64Array[];
  readonly slopes: readonly Float64Array[];
}

const MOST_ITERATIONS = 40;
const MOST_REFRESHES = 6;
/** A change that is more than this of the one before says that the derivative is too old. */
const SLOW = 0.3;

/**
 * Simplified Newton iteration for the slopes, from guesses. It goes on until the rest of the changes, by the rate at which they
 * shrink, is below 1; the derivative is taken anew where they do not. Hairer & Wanner II, §IV.8. Undefined where nothing is found.
 */
export function newton(
  equations: StageEquations,
  guesses: readonly Float64Array[],
): readonly Float64Array[] | undefined {
  const { bases, weights } = equations;
  let slopes = guesses;
  let before = Infinity;
  let refreshes = 0;
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    const points = bases.map((base, i) => plus(base, weights[i]!, slopes));
    const values = points.map((point, i) => equations.evaluate(i, point));
    const residuals = values.map((value, i) => value.map((x, n) => x - slopes[i]![n]!));
    const changes = equations.solve(residuals, { points, slopes: values });
    if (!changes) return undefined;
    slopes = slopes.map((slope, i) => slope.map((x, n) => x + changes[i]![n]!));
    const moved = weights.map((row) => plus(undefined, row, changes));
    const reached = points.map((point, i) => point.map((x, n) => x + moved[i]![n]!));
    const size = equations.measure(moved, reached);
    if (!Number.isFinite(size)) return undefined;
    const rate = before === Infinity ? 1 / 2 : size / before;
    const left = (size * rate) / Math.max(1 - rate, Number.EPSILON);
    if (size === 0 || (rate < 1 && left <= 1)) return slopes;
    const isSlow = before !== Infinity && rate > SLOW;
    before = size;
    if (!isSlow) continue;
    // With a derivative that is not old nothing but rounding stops an iteration that has come so far.
    if (refreshes > 0 && equations.isRounding(moved, reached)) return slopes;
    if (refreshes++ === MOST_REFRESHES) return undefined;
    equations.refresh(bases.map((base, i) => plus(base, weights[i]!, slopes)));
    before = Infinity;
  }
  return undefined;
}

/** base + Σ weightᵢ xᵢ. */
function plus(
  base: Float64Array | undefined,
  weights: readonly number[],
  xs: readonly Float64Array[],
): Float64Array {
  const sum = base?.slice() ?? new Float64Array(xs[0]!.length);
  xs.forEach((x, i) => {
    const weight = weights[i]!;
    if (weight !== 0) for (let n = 0; n < sum.length; n++) sum[n]! += weight * x[n]!;
  });
  return sum;
}
