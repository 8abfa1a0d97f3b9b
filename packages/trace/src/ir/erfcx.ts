const known = new Map<number, readonly number[]>();

/**
 * So many Chebyshev coefficients of erfcx(x) = e^x² erfc(x) in s = 2/(1 + x/2) − 1 for x ≥ 0, from its values at the
 * Chebyshev points.
 */
export function erfcxCoefficients(terms: number): readonly number[] {
  let coefficients = known.get(terms);
  if (coefficients) return coefficients;
  coefficients = Array.from({ length: terms }, (_, k) => {
    let sum = 0;
    for (let j = 0; j < terms; j++) {
      const angle = (Math.PI * (j + 0.5)) / terms;
      sum += erfcx(2 * (2 / (1 + Math.cos(angle)) - 1)) * Math.cos(k * angle);
    }
    return ((k === 0 ? 1 : 2) * sum) / terms;
  });
  known.set(terms, coefficients);
  return coefficients;
}

/** e^x² erfc(x) for x ≥ 0, to a few units in the last place. */
function erfcx(x: number): number {
  if (x < 1) {
    // erf(x) = 2/√π e^−x² Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!! (Abramowitz & Stegun 7.1.6)
    let [term, sum] = [x, x];
    for (let n = 1; term > 1e-18 * sum; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return Math.exp(x * x) - (2 / Math.sqrt(Math.PI)) * sum;
  }
  // 1/√π · 1/(x + ½/(x + 1/(x + ³⁄₂/(x + …)))) (Abramowitz & Stegun 7.1.14)
  let fraction = x;
  for (let n = 500; n > 0; n--) fraction = x + n / 2 / fraction;
  return 1 / (Math.sqrt(Math.PI) * fraction);
}
