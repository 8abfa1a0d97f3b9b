import type { HandWrittenField } from './field.ts';

/** A deterministic float64 in [−1, 1) for each index: enough for coefficients of test problems. */
export function noise(seed: number, index: number): number {
  const x = Math.sin(seed * 12.9898 + index * 78.233) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}

/** The vector of these entries. `Float64Array.from` takes six times as long. */
function vector(length: number, entry: (i: number) => number): Float64Array {
  const x = new Float64Array(length);
  for (let i = 0; i < length; i++) x[i] = entry(i);
  return x;
}

/** A vector of noise times `scale`. */
export function noiseVector(seed: number, length: number, scale = 1): Float64Array {
  return vector(length, (i) => scale * noise(seed, i));
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
    vector(width, (i) => Math.tanh(sum(n, (j) => w1![i * n + j]! * y[j]!) + b![i]! * Math.sin(t)));
  return {
    parameters: [
      noiseVector(seed, width * n),
      noiseVector(seed + 1, width),
      noiseVector(seed + 2, n * width),
      noiseVector(seed + 3, 2),
    ],
    value(t, y, p) {
      const z = hidden(t, y, p);
      return vector(n, (i) => sum(width, (j) => p[2]![i * width + j]! * z[j]!));
    },
    pullback(t, y, p, k) {
      const [w1, b, w2] = p;
      const z = hidden(t, y, p);
      // Cotangent of the argument of tanh.
      const a = vector(width, (j) => (1 - z[j]! ** 2) * sum(n, (i) => w2![i * width + j]! * k[i]!));
      return {
        t: Math.cos(t) * sum(width, (j) => a[j]! * b![j]!),
        y: vector(n, (j) => sum(width, (i) => a[i]! * w1![i * n + j]!)),
        parameters: [
          vector(width * n, (m) => a[Math.floor(m / n)]! * y[m % n]!),
          a.map((x) => x * Math.sin(t)),
          vector(n * width, (m) => k[Math.floor(m / width)]! * z[m % width]!),
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

/**
 * A plane spiral onto the unit circle, y′ = a (1 − |y|²) y + w cos t · J y with J the rotation by 90°: coupled,
 * non-linear, non-autonomous. |y|⁻² − 1 decays as e^(−2at), and the angle grows by w sin t.
 */
export const spiral: HandWrittenField = {
  parameters: [Float64Array.of(1), Float64Array.of(3)],
  value(t, y, [a, w]) {
    const [u, v] = [y[0]!, y[1]!];
    const [growth, rotation] = [a![0]! * (1 - u * u - v * v), w![0]! * Math.cos(t)];
    return Float64Array.of(growth * u - rotation * v, growth * v + rotation * u);
  },
  pullback(t, y, [a, w], k) {
    const [u, v] = [y[0]!, y[1]!];
    const [growth, rotation] = [a![0]! * (1 - u * u - v * v), w![0]! * Math.cos(t)];
    const [radial, angular] = [k[0]! * u + k[1]! * v, k[1]! * u - k[0]! * v];
    return {
      t: -w![0]! * Math.sin(t) * angular,
      y: Float64Array.of(
        growth * k[0]! + rotation * k[1]! - 2 * a![0]! * u * radial,
        growth * k[1]! - rotation * k[0]! - 2 * a![0]! * v * radial,
      ),
      parameters: [Float64Array.of((1 - u * u - v * v) * radial), Float64Array.of(Math.cos(t) * angular)],
    };
  },
};

/** The solution of `spiral` at t that is `(radius, 0)` at t = 0. */
export function spiralSolution(t: number, radius: number): Float64Array {
  const r = 1 / Math.sqrt(1 + (radius ** -2 - 1) * Math.exp(-2 * t));
  return Float64Array.of(r * Math.cos(3 * Math.sin(t)), r * Math.sin(3 * Math.sin(t)));
}

/** y′ = θ cos t: the slope does not depend on y. */
export const forcing: HandWrittenField = scalarField(
  1.5,
  (t, _, p) => p * Math.cos(t),
  (t, _, p) => [-p * Math.sin(t), 0, Math.cos(t)],
);

/** A damped pendulum, (angle, speed)′ = (speed, −sin angle − t speed / 10): no parameters. */
export const pendulum: HandWrittenField = {
  parameters: [],
  value: (t, y) => Float64Array.of(y[1]!, -Math.sin(y[0]!) - (t * y[1]!) / 10),
  pullback: (t, y, _, k) => ({
    t: (-k[1]! * y[1]!) / 10,
    y: Float64Array.of(-k[1]! * Math.cos(y[0]!), k[0]! - (k[1]! * t) / 10),
    parameters: [],
  }),
};

/** y′ = (t < ½ ? θ₀ : θ₁) sin y: the slope jumps at t = ½. */
export const jump: HandWrittenField = {
  parameters: [Float64Array.of(1.2), Float64Array.of(-0.7)],
  value: (t, y, p) => Float64Array.of(p[t < 0.5 ? 0 : 1]![0]! * Math.sin(y[0]!)),
  pullback(t, y, p, k) {
    const side = t < 0.5 ? 0 : 1;
    const parameters = [new Float64Array(1), new Float64Array(1)];
    parameters[side]![0] = k[0]! * Math.sin(y[0]!);
    return { t: 0, y: Float64Array.of(k[0]! * p[side]![0]! * Math.cos(y[0]!)), parameters };
  },
};

/** y′ = λ y for a given λ, without parameters: what a stability function sees. */
export function linear(rate: number): HandWrittenField {
  return {
    parameters: [],
    value: (_, y) => y.map((x) => rate * x),
    pullback: (_t, _y, _p, k) => ({ t: 0, y: k.map((x) => rate * x), parameters: [] }),
  };
}
