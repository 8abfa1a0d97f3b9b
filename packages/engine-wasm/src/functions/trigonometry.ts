import type { Code } from '../encode/bytes.ts';
import { formats, horner } from './exponential.ts';
import type { Lanes } from './lanes.ts';

/** π/2 in three parts, the first two of 33 bits: their products with n < 2²⁰ are exact. */
const parts = [1.57079632673412561417, 6.0771005063039659766e-11, 2.02226624879595063154e-21] as const;
const LIMIT = 2 ** 20;
const terms = { float64: 9, float32: 5 } as const;

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
/** Taylor coefficients of sin (1) or cos (0) in r², for |r| ≤ π/4. */
const taylor = (first: 0 | 1, count: number): number[] =>
  Array.from({ length: count }, (_, k) => (k % 2 === 0 ? 1 : -1) / factorial(2 * k + first));

/** x = n π/2 + r with |r| ≤ π/4, in doubles (Cody & Waite 1980, Software Manual for the Elementary Functions). */
function quarters({ keep, add, sub, mul, nearest, number }: Lanes, x: Code): readonly [n: Code, r: Code] {
  const n = keep(nearest(mul(x, number(2 / Math.PI))));
  const exact = keep(sub(x, mul(n, number(parts[0]))));
  const second = keep(mul(n, number(parts[1])));
  const near = keep(sub(exact, second));
  const lost = sub(sub(exact, near), second);
  return [n, keep(add(near, sub(lost, mul(n, number(parts[2])))))];
}

/** sin(x + quarter π/2); lane by lane where x is too large to be reduced so. */
function wave(lanes: Lanes, argument: Code, quarter: 0 | 1): Code {
  const { keep, mul, add, sub, number, select, eq, ne, lt, abs, not, bits, and, xor, float, width } = lanes;
  const x = keep(argument);
  const [n, r] =
    float === 'float64' ? quarters(lanes, x) : lanes.inDoubles([x], (wide, [half]) => quarters(wide, half!));
  const z = keep(mul(r!, r!));
  const sine = taylor(1, terms[float]).slice(1);
  const cosine = taylor(0, terms[float] + 1).slice(2);
  const sin = add(r!, mul(mul(r!, z), horner(lanes, z, sine)));
  const half = keep(mul(z, number(0.5)));
  const w = keep(sub(number(1), half));
  const cos = add(w, add(sub(sub(number(1), w), half), mul(mul(z, z), horner(lanes, z, cosine))));
  // The last two bits of n + quarter say which of four quarters it is.
  const turn = keep(add(n!, number(formats[float].magic + quarter)));
  const isOdd = ne(and(turn, bits(1n)), number(0));
  const sign = and(lanes.shiftLeft(turn, 8 * width - 2), bits(1n << BigInt(8 * width - 1)));
  const y = keep(xor(select(isOdd, cos, sin), sign));
  const result = quarter === 0 ? select(eq(x, number(0)), x, y) : y;
  const isBeyond = not(lt(abs(n!), number(LIMIT)));
  return lanes.unless(isBeyond, result, () => lanes.host(quarter === 0 ? 'sin' : 'cos', [x]));
}

export const sin = (lanes: Lanes, x: Code): Code => wave(lanes, x, 0);
export const cos = (lanes: Lanes, x: Code): Code => wave(lanes, x, 1);
