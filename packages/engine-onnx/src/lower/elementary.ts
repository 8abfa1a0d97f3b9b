import { erfcxCoefficients } from '@odegrad/trace';

import { map, where, zip } from './context.ts';
import type { Edge, Graph } from './graph.ts';

/** Elementary functions: ONNX Runtime's own in float32, composed of what it has in float64. */
type Formula = (graph: Graph, x: Edge) => Edge;

const native =
  (op: string, otherwise: Formula): Formula =>
  (graph, x) =>
    x.type === 'float64' ? otherwise(graph, x) : map(graph, op, x);

const add = (graph: Graph, a: Edge, b: Edge): Edge => zip(graph, 'Add', a, b);
const sub = (graph: Graph, a: Edge, b: Edge): Edge => zip(graph, 'Sub', a, b);
const mul = (graph: Graph, a: Edge, b: Edge): Edge => zip(graph, 'Mul', a, b);
const div = (graph: Graph, a: Edge, b: Edge): Edge => zip(graph, 'Div', a, b);
const is = (graph: Graph, op: string, a: Edge, b: Edge): Edge => zip(graph, op, a, b, { type: 'bool' });
const abs: Formula = (graph, x) => map(graph, 'Abs', x);
const sqrt: Formula = (graph, x) => map(graph, 'Sqrt', x);
const square: Formula = (graph, x) => mul(graph, x, x);

/**
 * log(1 + x), right for small x too: log(u) x / (u − 1) with u = 1 + x as rounded, whose rounding errors
 * cancel (Goldberg 1991, What every computer scientist should know about floating-point arithmetic, theorem 4).
 */
export const log1p: Formula = (graph, x) => {
  const one = graph.scalar(1);
  const u = add(graph, x, one);
  const scaled = mul(graph, x, div(graph, map(graph, 'Log', u), sub(graph, u, one)));
  const infinite = is(graph, 'Equal', u, x);
  return where(graph, is(graph, 'Equal', u, one), x, where(graph, infinite, map(graph, 'Log', u), scaled));
};

/** eˣ − 1, right for small x too: (u − 1) x / log(u) with u = eˣ (Higham 2002, Accuracy and Stability, §1.14.1). */
export const expm1: Formula = (graph, x) => {
  const one = graph.scalar(1);
  const u = map(graph, 'Exp', x);
  const difference = sub(graph, u, one);
  const near = is(graph, 'Less', abs(graph, x), graph.scalar(0.5));
  const scaled = mul(graph, difference, div(graph, x, map(graph, 'Log', u)));
  return where(graph, is(graph, 'Equal', u, one), x, where(graph, near, scaled, difference));
};

export const cosh: Formula = native('Cosh', (graph, x) => {
  const sum = add(graph, map(graph, 'Exp', x), map(graph, 'Exp', map(graph, 'Neg', x)));
  return mul(graph, sum, graph.scalar(0.5));
});

/** tanh x · cosh x: no cancellation near 0. */
export const sinh: Formula = native('Sinh', (graph, x) => mul(graph, map(graph, 'Tanh', x), cosh(graph, x)));

export const tan: Formula = native('Tan', (graph, x) =>
  div(graph, map(graph, 'Sin', x), map(graph, 'Cos', x)),
);

/** c₀ + x (c₁ + x (…)). */
function horner(graph: Graph, x: Edge, coefficients: readonly number[]): Edge {
  const [last, ...rest] = [...coefficients].reverse();
  return rest.reduce((sum, c) => add(graph, mul(graph, sum, x), graph.scalar(c)), graph.scalar(last!));
}

/** Reduced to |x| ≤ 1 by a complement, to 0.2 by two half-angle steps, then by the Taylor polynomial. */
export const atan: Formula = native('Atan', (graph, x) => {
  const one = graph.scalar(1);
  const size = abs(graph, x);
  const large = is(graph, 'Greater', size, one);
  const half: Formula = (_, z) =>
    div(graph, z, add(graph, one, sqrt(graph, add(graph, one, square(graph, z)))));
  const z = half(graph, half(graph, where(graph, large, map(graph, 'Reciprocal', size), size)));
  const series = horner(
    graph,
    square(graph, z),
    Array.from({ length: 13 }, (_, n) => (n % 2 === 0 ? 4 : -4) / (2 * n + 1)),
  );
  const angle = mul(graph, z, series);
  const full = where(graph, large, sub(graph, graph.scalar(Math.PI / 2), angle), angle);
  return mul(graph, map(graph, 'Sign', x), full);
});

export const asin: Formula = native('Asin', (graph, x) => {
  const one = graph.scalar(1);
  const cosine = sqrt(graph, mul(graph, sub(graph, one, x), add(graph, one, x)));
  return mul(graph, graph.scalar(2), atan(graph, div(graph, x, add(graph, one, cosine))));
});

export const acos: Formula = native('Acos', (graph, x) => {
  const one = graph.scalar(1);
  const ratio = div(graph, sub(graph, one, x), add(graph, one, x));
  return mul(graph, graph.scalar(2), atan(graph, sqrt(graph, ratio)));
});

export const asinh: Formula = native('Asinh', (graph, x) => {
  const one = graph.scalar(1);
  const size = abs(graph, x);
  const squared = square(graph, x);
  const tail = div(graph, squared, add(graph, one, sqrt(graph, add(graph, one, squared))));
  return mul(graph, map(graph, 'Sign', x), log1p(graph, add(graph, size, tail)));
});

export const acosh: Formula = native('Acosh', (graph, x) => {
  const excess = sub(graph, x, graph.scalar(1));
  const root = sqrt(graph, mul(graph, excess, add(graph, excess, graph.scalar(2))));
  return log1p(graph, add(graph, excess, root));
});

export const atanh: Formula = native('Atanh', (graph, x) => {
  const ratio = div(graph, mul(graph, graph.scalar(2), x), sub(graph, graph.scalar(1), x));
  return mul(graph, graph.scalar(0.5), log1p(graph, ratio));
});

/** Its Taylor series for |x| < 1/2, else ±(1 − e^−x² erfcx |x|) with a Chebyshev expansion of erfcx. */
export const erf: Formula = native('Erf', (graph, x) => {
  const one = graph.scalar(1);
  const size = abs(graph, x);
  const squared = square(graph, x);
  // 2/√π Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1))
  const terms: number[] = [];
  for (let n = 0, factorial = 1; n < 12; factorial *= ++n)
    terms.push((n % 2 === 0 ? 2 : -2) / Math.sqrt(Math.PI) / (factorial * (2 * n + 1)));
  const near = mul(graph, x, horner(graph, squared, terms));
  // erfcx is smooth in s = 2/(1 + x/2) − 1, which takes [0, ∞) to (−1, 1].
  const s = sub(
    graph,
    div(graph, graph.scalar(2), add(graph, one, mul(graph, size, graph.scalar(0.5)))),
    one,
  );
  const scaled = clenshaw(graph, s, erfcxCoefficients(30));
  const tail = mul(graph, map(graph, 'Exp', map(graph, 'Neg', squared)), scaled);
  const far = mul(graph, map(graph, 'Sign', x), sub(graph, one, tail));
  return where(graph, is(graph, 'Less', size, graph.scalar(0.5)), near, far);
});

/** Σ c_k T_k(s) by Clenshaw's recurrence. */
function clenshaw(graph: Graph, s: Edge, coefficients: readonly number[]): Edge {
  const twice = mul(graph, graph.scalar(2), s);
  let [next, after] = [graph.scalar(coefficients.at(-1)!), graph.scalar(0)];
  for (const c of coefficients.slice(1, -1).reverse()) {
    [next, after] = [add(graph, sub(graph, mul(graph, twice, next), after), graph.scalar(c)), next];
  }
  return add(graph, sub(graph, mul(graph, s, next), after), graph.scalar(coefficients[0]!));
}
