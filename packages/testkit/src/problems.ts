import type { HandWrittenField } from './field.ts';

/** A deterministic float64 in [−1, 1) for each index: enough for coefficients of test problems. */
export function noise(seed: number, index: number): number {
  const x = Math.sin(seed * 12.9898 + index * 78.233) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}

/** A vector of noise times `scale`. */
export function noiseVector(seed: number, length: number, scale = 1): Float64Array {
  return Float64Array.from({ length }, (_, i) => scale * noise(seed, i));
}

/**
 * A small neural field on ℝⁿ that depends on time and has a parameter it does not use:
 * f = W₂ tanh(W₁ y + b sin t), n → width → n.
 */
export function neuralField(n = 3, width = 4, seed = 1): HandWrittenField {
  const sum = (length: number, term: (i: number) => number): number => {
    let total = 0;
    for (let i = 0; i < length; i++) total += term(i);
    return total;
  };
  type P = readonly Float64Array[];
  const hidden = (t: number, y: Float64Array, [w1, b]: P): Float64Array =>
    Float64Array.from({ length: width }, (_, i) =>
      Math.tanh(sum(n, (j) => w1![i * n + j]! * y[j]!) + b![i]! * Math.sin(t)),
    );
  return {
    parameters: [
      noiseVector(seed, width * n),
      noiseVector(seed + 1, width),
      noiseVector(seed + 2, n * width),
      noiseVector(seed + 3, 2),
    ],
    value(t, y, p) {
      const z = hidden(t, y, p);
      return Float64Array.from({ length: n }, (_, i) => sum(width, (j) => p[2]![i * width + j]! * z[j]!));
    },
    pullback(t, y, p, k) {
      const [w1, b, w2] = p;
      const z = hidden(t, y, p);
      // Cotangent of the argument of tanh.
      const a = Float64Array.from(
        { length: width },
        (_, j) => (1 - z[j]! ** 2) * sum(n, (i) => w2![i * width + j]! * k[i]!),
      );
      return {
        t: Math.cos(t) * sum(width, (j) => a[j]! * b![j]!),
        y: Float64Array.from({ length: n }, (_, j) => sum(width, (i) => a[i]! * w1![i * n + j]!)),
        parameters: [
          Float64Array.from({ length: width * n }, (_, m) => a[Math.floor(m / n)]! * y[m % n]!),
          a.map((x) => x * Math.sin(t)),
          Float64Array.from({ length: n * width }, (_, m) => k[Math.floor(m / width)]! * z[m % width]!),
          new Float64Array(2),
        ],
      };
    },
  };
}

/** A scalar field given by f and its derivatives with respect to t, y and the one parameter. */
export function scalarField(
  theta: number,
  f: (t: number, y: number, theta: number) => number,
  derivatives: (t: number, y: number, theta: number) => readonly [t: number, y: number, theta: number],
): HandWrittenField {
  return {
    parameters: [Float64Array.of(theta)],
    value: (t, y, [p]) => Float64Array.of(f(t, y[0]!, p![0]!)),
    pullback(t, y, [p], k) {
      const [ft, fy, fp] = derivatives(t, y[0]!, p![0]!);
      return { t: k[0]! * ft, y: Float64Array.of(k[0]! * fy), parameters: [Float64Array.of(k[0]! * fp)] };
    },
  };
}

/** y′ = θ y² cos t, non-autonomous and non-linear, with y = 1 / (1/y₀ − θ sin t) for y(0) = y₀. */
export const riccati: HandWrittenField = scalarField(
  1,
  (t, y, p) => p * y * y * Math.cos(t),
  (t, y, p) => [-p * y * y * Math.sin(t), 2 * p * y * Math.cos(t), y * y * Math.cos(t)],
);

/** The solution of `riccati` at t with y(0) = y0. */
export function riccatiSolution(t: number, y0: number, theta = 1): number {
  return 1 / (1 / y0 - theta * Math.sin(t));
}
