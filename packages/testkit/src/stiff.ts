import type { HandWrittenField } from './field.ts';

/** A stiff problem whose solution at the end is known. */
export interface StiffProblem {
  readonly field: HandWrittenField;
  readonly y0: Float64Array;
  readonly ts: readonly [number, number];
  /** y at the end, to the digits that are given. */
  readonly end: readonly number[];
}

/** A field of sums of products θ · yₐ · y_b · …, each in the equations of some components with a factor. */
interface Reaction {
  /** The components that are multiplied. */
  readonly of: readonly number[];
  /** Factors of the product, by component. */
  readonly into: readonly (readonly [component: number, factor: number])[];
}

/** Mass-action kinetics with a rate for each reaction, and their derivatives. */
function reactions(n: number, rates: readonly number[], list: readonly Reaction[]): HandWrittenField {
  const product = (y: Float64Array, of: readonly number[], but = -1): number =>
    of.reduce((value, i, position) => (position === but ? value : value * y[i]!), 1);
  return {
    parameters: [Float64Array.from(rates)],
    value(_, y, [p]) {
      const f = new Float64Array(n);
      list.forEach(({ of, into }, r) => {
        for (const [i, factor] of into) f[i]! += factor * p![r]! * product(y, of);
      });
      return f;
    },
    pullback(_, y, [p], k) {
      const [yBar, pBar] = [new Float64Array(n), new Float64Array(rates.length)];
      list.forEach(({ of, into }, r) => {
        const cotangent = into.reduce((sum, [i, factor]) => sum + factor * k[i]!, 0);
        pBar[r]! += cotangent * product(y, of);
        of.forEach((i, position) => (yBar[i]! += cotangent * p![r]! * product(y, of, position)));
      });
      return { t: 0, y: yBar, parameters: [pBar] };
    },
  };
}

/**
 * Robertson's reaction, over eleven decades. End values: Mazzia & Magherini, Test Set for Initial Value Problem Solvers 2.4 (2008),
 * problem ROBER.
 */
export const robertson: StiffProblem = {
  field: reactions(
    3,
    [0.04, 1e4, 3e7],
    [
      {
        of: [0],
        into: [
          [0, -1],
          [1, 1],
        ],
      },
      {
        of: [1, 2],
        into: [
          [0, 1],
          [1, -1],
        ],
      },
      {
        of: [1, 1],
        into: [
          [1, -1],
          [2, 1],
        ],
      },
    ],
  ),
  y0: Float64Array.of(1, 0, 0),
  ts: [0, 1e11],
  end: [0.2083340149701255e-7, 0.8333360770334713e-13, 0.999999979166505],
};

/** Eight components of the growth of plants in light (Schäfer 1975). End values: the same test set, problem HIRES. */
export const hires: StiffProblem = {
  field: reactions(
    8,
    [
      1.71, 0.43, 8.32, 8.75, 10.03, 0.43, 0.035, 8.32, 1.71, 1.12, 1.745, 0.43, 0.43, 280, 0.69, 1.71, 0.43,
      0.69, 1.81, 0.0007,
    ],
    [
      {
        of: [0],
        into: [
          [0, -1],
          [1, 1],
        ],
      },
      { of: [1], into: [[0, 1]] },
      { of: [2], into: [[0, 1]] },
      { of: [1], into: [[1, -1]] },
      { of: [2], into: [[2, -1]] },
      { of: [3], into: [[2, 1]] },
      { of: [4], into: [[2, 1]] },
      { of: [1], into: [[3, 1]] },
      { of: [2], into: [[3, 1]] },
      { of: [3], into: [[3, -1]] },
      { of: [4], into: [[4, -1]] },
      { of: [5], into: [[4, 1]] },
      { of: [6], into: [[4, 1]] },
      {
        of: [5, 7],
        into: [
          [5, -1],
          [6, 1],
          [7, -1],
        ],
      },
      { of: [3], into: [[5, 1]] },
      { of: [4], into: [[5, 1]] },
      { of: [5], into: [[5, -1]] },
      { of: [6], into: [[5, 1]] },
      {
        of: [6],
        into: [
          [6, -1],
          [7, 1],
        ],
      },
      { of: [], into: [[0, 1]] },
    ],
  ),
  y0: Float64Array.of(1, 0, 0, 0, 0, 0, 0, 0.0057),
  ts: [0, 321.8122],
  end: [
    0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
    0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2,
  ],
};

/**
 * Van der Pol's oscillator with μ = 10³, in the time of its slow motion: y′ = z, ε z′ = (1 − y²) z − y, ε = μ⁻². End values: the same
 * test set, problem VDPOL.
 */
export const vanDerPol: StiffProblem = {
  field: {
    parameters: [Float64Array.of(1e-6)],
    value: (_, [y, z], [p]) => Float64Array.of(z!, ((1 - y! * y!) * z! - y!) / p![0]!),
    pullback(_, [y, z], [p], [k, l]) {
      const epsilon = p![0]!;
      return {
        t: 0,
        y: Float64Array.of((l! * (-2 * y! * z! - 1)) / epsilon, k! + (l! * (1 - y! * y!)) / epsilon),
        parameters: [Float64Array.of((-l! * ((1 - y! * y!) * z! - y!)) / epsilon ** 2)],
      };
    },
  },
  y0: Float64Array.of(2, 0),
  ts: [0, 2],
  end: [1.706167732170483, -0.8928097010247975],
};

/** A wave of Fisher's equation on a line of n points: u′ = d (uᵢ₋₁ − 2uᵢ + uᵢ₊₁) + r u (1 − u), nothing flows out at the ends. */
export function fisher(n: number, diffusion: number, growth: number): HandWrittenField {
  const flow = (u: Float64Array, i: number): number => (u[i - 1] ?? u[i]!) - 2 * u[i]! + (u[i + 1] ?? u[i]!);
  return {
    parameters: [Float64Array.of(diffusion, growth)],
    value: (_, u, [p]) => u.map((x, i) => p![0]! * flow(u, i) + p![1]! * x * (1 - x)),
    pullback: (_, u, [p], k) => ({
      t: 0,
      // The matrix of the flow is symmetric.
      y: k.map((x, i) => p![0]! * flow(k, i) + p![1]! * x * (1 - 2 * u[i]!)),
      parameters: [
        Float64Array.of(
          k.reduce((sum, x, i) => sum + x * flow(u, i), 0),
          k.reduce((sum, x, i) => sum + x * u[i]! * (1 - u[i]!), 0),
        ),
      ],
    }),
  };
}
