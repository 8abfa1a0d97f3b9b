import type { Code } from '../encode/bytes.ts';
import { formats, horner } from './exponential.ts';
import type { Lanes } from './lanes.ts';

/** (atanh s − s)/s³ as a series in s², for |s| ≤ 0.1716. */
const series = {
  float32: [0.33333206022284373, 0.20010884962973938, 0.13998931761031375, 0.14015637122604663],
  float64: [
    0.3333333333333333, 0.20000000000000007, 0.14285714285710968, 0.1111111111166653, 0.090909090429613,
    0.07692310128767053, 0.06666588422577407, 0.058839998109544975, 0.05240189027529958, 0.049710873134276815,
    0.03166757128761552, 0.07616143318731823,
  ],
} as const;

/** Bits of √½, where mantissas begin. */
const root = { float32: 0x3f3504f3n, float64: 0x3fe6a09e667f3bcdn } as const;
const smallest = { float32: 2 ** -126, float64: 2 ** -1022 } as const;

/** log of a normal number x, plus `more`: x = 2ᵉ (1 + f), s = f / (2 + f), log(1 + f) = f − s (f − 2 s² (…)). */
function logarithm(lanes: Lanes, x: Code, more?: (exponent: Code) => Code): Code {
  const { keep, add, sub, mul, div, number, bits, addBits, subBits, shiftLeft, shiftRight, float } = lanes;
  const { mantissa, magic, ln2 } = formats[float];
  const exponent = keep(shiftRight(subBits(x, bits(root[float])), mantissa));
  const f = keep(sub(subBits(x, shiftLeft(exponent, mantissa)), number(1)));
  // An integer in the last bits of a large number, which is taken off again.
  const e = keep(sub(addBits(exponent, number(magic)), number(magic)));
  const s = keep(div(f, add(number(2), f)));
  const z = keep(mul(s, s));
  const rest = mul(add(z, z), horner(lanes, z, series[float]));
  const small = sub(
    mul(s, sub(f, rest)),
    more ? add(mul(e, number(ln2[1])), more(e)) : mul(e, number(ln2[1])),
  );
  return add(mul(e, number(ln2[0])), sub(f, small));
}

/** log x: −∞ at 0, NaN below. */
export function log(lanes: Lanes, argument: Code): Code {
  const { keep, lt, mul, sub, number, select, eq, gt, float } = lanes;
  const { mantissa } = formats[float];
  const x = keep(argument);
  const subnormal = keep(lt(x, number(smallest[float])));
  const normal = keep(select(subnormal, mul(x, number(2 ** (mantissa + 2))), x));
  const shift = select(subnormal, number((mantissa + 2) * Math.LN2), number(0));
  const y = sub(logarithm(lanes, normal), shift);
  const isZero = eq(x, number(0));
  const isUsual = gt(mul(x, number(0)), number(-1));
  const special = select(lt(x, number(0)), number(NaN), select(isZero, number(-Infinity), x));
  return select(lanes.and(isUsual, gt(x, number(0))), y, special);
}

/** log(1 + x), right for small x too: the logarithm of the rounded sum, and what the rounding took. */
export function log1p(lanes: Lanes, argument: Code): Code {
  const { keep, add, sub, div, number, select, eq, lt, and, gt } = lanes;
  const x = keep(argument);
  const u = keep(add(x, number(1)));
  const lost = div(sub(x, sub(u, number(1))), u);
  const y = logarithm(lanes, u, () => lost);
  const isUsual = and(lt(x, number(Infinity)), and(gt(x, number(-1)), lanes.ne(x, number(0))));
  const special = select(lt(x, number(-1)), number(NaN), select(eq(x, number(-1)), number(-Infinity), x));
  return select(isUsual, y, special);
}

/**
 * log(1 + eˣ) = max(x, 0) + log(1 + e), from e = e^−|x|: nothing overflows. 1 + e is 1 + f or 2 (1 + f), where f has no more digits
 * than e.
 */
export function softplusOfDecay(lanes: Lanes, x: Code, decay: Code): Code {
  const { keep, max, mul, add, sub, div, number, select, gt, and, float } = lanes;
  const e = keep(decay);
  const isLarge = keep(gt(e, number(Math.SQRT2 - 1)));
  const f = keep(select(isLarge, mul(sub(e, number(1)), number(0.5)), e));
  const s = keep(div(f, add(number(2), f)));
  const z = keep(mul(s, s));
  const rest = mul(add(z, z), horner(lanes, z, series[float]));
  const [high, low] = formats[float].ln2;
  const small = sub(mul(s, sub(f, rest)), and(isLarge, number(low)));
  return add(max(x, number(0)), add(and(isLarge, number(high)), sub(f, small)));
}
