import type { FloatType } from '@odegrad/trace';

import type { Code } from '../encode/bytes.ts';
import type { Lanes } from './lanes.ts';

/** What the arithmetic of exponents needs to know of a precision. */
interface Format {
  readonly mantissa: number;
  readonly bias: number;
  /** Added to an integer, it leaves that in the last bits. */
  readonly magic: number;
  /** ln 2 in two parts, the first with bits to spare: its products with exponents are exact. */
  readonly ln2: readonly [number, number];
}

export const formats: Readonly<Record<FloatType, Format>> = {
  float32: { mantissa: 23, bias: 127, magic: 1.5 * 2 ** 23, ln2: [0.693359375, -2.1219444005469057e-4] },
  float64: {
    mantissa: 52,
    bias: 1023,
    magic: 1.5 * 2 ** 52,
    ln2: [6.9314718036912381649e-1, 1.90821492927058770002e-10],
  },
};

/** (eʳ − 1 − r)/r² for |r| ≤ ln 2 / 2, to the rounding of each precision. */
const series = {
  float32: [
    0.500000006227358, 0.16666542545687255, 0.041666280628403086, 0.008366643938330278, 0.0013946554594078556,
  ],
  float64: [
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326112, 0.001388888888888373,
    0.0001984126987490126, 2.4801587325605324e-5, 2.7557255297969643e-6, 2.755727357010214e-7,
    2.5105259538448494e-8, 2.0914717341716378e-9,
  ],
} as const;

/** c₀ + x (c₁ + x (…)). */
export function horner({ mulAdd, number }: Lanes, x: Code, coefficients: readonly number[]): Code {
  const [last, ...rest] = [...coefficients].reverse();
  return rest.reduce<Code>((sum, c) => mulAdd(sum, x, number(c)), number(last!));
}

/** 2ⁿ for integers n of normal results. */
function power(lanes: Lanes, n: Code): Code {
  const { mantissa, bias, magic } = formats[lanes.float];
  return lanes.shiftLeft(lanes.add(n, lanes.number(magic + bias)), mantissa);
}

interface Reduced {
  /** x = n ln 2 + r with |r| ≤ ln 2 / 2. */
  readonly n: Code;
  readonly r: Code;
  /** (eʳ − 1 − r), to be added to r. */
  readonly rest: Code;
}

/** Where x is within the range of exponents, or NaN. */
function reduce(lanes: Lanes, x: Code): Reduced {
  const { keep, mul, sub, nearest, number, float } = lanes;
  const [high, low] = formats[float].ln2;
  const n = keep(nearest(mul(x, number(Math.LOG2E))));
  const r = keep(sub(sub(x, mul(n, number(high))), mul(n, number(low))));
  return { n, r, rest: mul(mul(r, r), horner(lanes, r, series[float])) };
}

/** x 2ⁿ, rounded once, for n of twice the range of exponents. */
function scaled(lanes: Lanes, x: Code, n: Code): Code {
  const { keep, mul, sub, trunc, number } = lanes;
  const half = keep(trunc(mul(n, number(0.5))));
  return mul(mul(x, power(lanes, half)), power(lanes, sub(n, half)));
}

const range = { float32: [-105, 89], float64: [-747, 710] } as const;

/** eˣ, subnormal results and infinite ones too. */
export function exp(lanes: Lanes, argument: Code): Code {
  const { keep, min, max, add, number, float } = lanes;
  const [low, high] = range[float];
  const x = keep(min(max(argument, number(low)), number(high)));
  const { n, r, rest } = reduce(lanes, x);
  return scaled(lanes, add(number(1), add(r, rest)), n);
}

/** eˣ − 1 for x ≤ 0. */
function loss(lanes: Lanes, argument: Code): Code {
  const { keep, max, add, sub, mul, number, float } = lanes;
  const x = keep(max(argument, number(float === 'float32' ? -20 : -40)));
  const { n, r, rest } = reduce(lanes, x);
  const two = keep(power(lanes, n));
  return add(mul(two, add(r, rest)), sub(two, number(1)));
}

/** eˣ − 1, right for small x too. */
export function expm1(lanes: Lanes, argument: Code): Code {
  const { keep, min, max, add, sub, number, float, neg, select, eq } = lanes;
  const given = keep(argument);
  const x = keep(min(max(given, number(float === 'float32' ? -20 : -40)), number(range[float][1])));
  const { n, r, rest } = reduce(lanes, x);
  // 2ⁿ (eʳ − 1 + 1 − 2⁻ⁿ): the power alone would overflow before the result does.
  const shifted = add(
    add(r, rest),
    sub(number(1), power(lanes, max(neg(n), number(-formats[float].bias + 1)))),
  );
  return select(eq(given, number(0)), given, scaled(lanes, shifted, n));
}

/** The sign of `sign` on the size of x. */
export function withSign({ and, or, bits, width }: Lanes, x: Code, sign: Code): Code {
  const top = 1n << BigInt(8 * width - 1);
  return or(and(x, bits(top - 1n)), and(sign, bits(top)));
}

/** tanh x = −(e^−2|x| − 1) / (e^−2|x| + 1), with the sign of x. */
export function tanh(lanes: Lanes, argument: Code): Code {
  const { keep, abs, mul, add, div, number } = lanes;
  const x = keep(argument);
  const e = keep(loss(lanes, mul(abs(x), number(-2))));
  return withSign(lanes, div(e, add(e, number(2))), x);
}

/** e^−|x|, which softplus and the logistic function are made of. */
export function decay(lanes: Lanes, x: Code): Code {
  return exp(lanes, lanes.neg(lanes.abs(x)));
}

/** 1 / (1 + e^−x), or e^x / (1 + e^x) for x < 0, from e = e^−|x|. */
export function sigmoidOfDecay({ keep, add, div, number, select, lt }: Lanes, x: Code, e: Code): Code {
  const kept = keep(e);
  return div(select(lt(x, number(0)), kept, number(1)), add(number(1), kept));
}
