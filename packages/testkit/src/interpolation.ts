import { solutionStages, type ButcherTableau } from '@odegrad/core';

/** A polynomial by its coefficients, the constant first. */
type Polynomial = readonly number[];

const valueAt = (p: Polynomial, x: number): number => p.reduceRight((sum, c) => sum * x + c, 0);
const derivative = (p: Polynomial): Polynomial => p.slice(1).map((c, i) => (i + 1) * c);

/**
 * The weights of all slopes in y(x) = y₀ + h Σ wᵢ(x) kᵢ, the one at the end of the step last, and their derivatives: the cubic of
 * Hermite and the bumps x² (1 − x)² xᵐ of the tableau, multiplied out.
 */
export function interpolationWeights(
  tableau: ButcherTableau,
  x: number,
): { readonly weights: readonly number[]; readonly rates: readonly number[] } {
  const { b, dense } = tableau;
  const own = solutionStages(tableau);
  const polynomials = [...b, 0].map((weight, i): number[] => {
    const p = [0, 0, 3 * weight, -2 * weight];
    if (i === 0) [0, 1, -2, 1].forEach((c, k) => (p[k]! += c));
    if (i === b.length) [0, 0, -1, 1].forEach((c, k) => (p[k]! += c));
    const at = i === b.length ? own.length : own.indexOf(i);
    dense?.bumps.forEach((d, m) => {
      const coefficient = at < 0 ? 0 : d[at]!;
      [1, -2, 1].forEach((c, k) => (p[2 + m + k] = (p[2 + m + k] ?? 0) + coefficient * c));
    });
    return p;
  });
  return {
    weights: polynomials.map((p) => valueAt(p, x)),
    rates: polynomials.map((p) => valueAt(derivative(p), x)),
  };
}
