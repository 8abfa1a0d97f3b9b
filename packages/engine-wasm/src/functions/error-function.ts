import { erfcxCoefficients } from '@odegrad/trace';

import type { Code } from '../encode/bytes.ts';
import { exp, horner, withSign } from './exponential.ts';
import type { Lanes } from './lanes.ts';

const TERMS = 26;
/** Its Taylor series for |x| < 1, else ±(1 − e^−x² erfcx |x|) with a Chebyshev expansion of erfcx. */
export function erf(lanes: Lanes, argument: Code): Code {
  const { keep, mul, add, sub, div, abs, neg, number, select, lt, float } = lanes;
  const x = keep(argument);
  const size = keep(abs(x));
  const squared = keep(mul(x, x));
  const single = float === 'float32';
  // 2/√π Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1))
  const taylor: number[] = [];
  for (let n = 0, factorial = 1; n < (single ? 11 : 19); factorial *= ++n)
    taylor.push((n % 2 === 0 ? 2 : -2) / Math.sqrt(Math.PI) / (factorial * (2 * n + 1)));
  const near = mul(x, horner(lanes, squared, taylor));
  // erfcx is smooth in s = 2/(1 + x/2) − 1, which takes [0, ∞) to (−1, 1].
  const s = keep(sub(div(number(2), add(number(1), mul(size, number(0.5)))), number(1)));
  const scaled = clenshaw(lanes, s, erfcxCoefficients(TERMS).slice(0, single ? 14 : TERMS));
  const far = sub(number(1), mul(exp(lanes, neg(squared)), scaled));
  return select(lt(size, number(1)), near, withSign(lanes, far, x));
}

/** Σ c_k T_k(s) by Clenshaw's recurrence. */
function clenshaw({ keep, mul, add, sub, number }: Lanes, s: Code, terms: readonly number[]): Code {
  const twice = keep(mul(number(2), s));
  let [next, after] = [number(terms.at(-1)!), number(0)];
  for (const c of terms.slice(1, -1).reverse())
    [next, after] = [keep(add(sub(mul(twice, next), after), number(c))), next];
  return keep(add(sub(mul(s, next), after), number(terms[0]!)));
}
