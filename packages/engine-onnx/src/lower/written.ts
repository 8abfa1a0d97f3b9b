/** Square roots and constants that activations are made of. */
const known = [
  Math.PI,
  Math.E,
  Math.LN2,
  Math.LN10,
  Math.SQRT2,
  Math.sqrt(3),
  Math.sqrt(Math.PI),
  Math.sqrt(2 * Math.PI),
  2 / Math.sqrt(Math.PI),
  Math.sqrt(2 / Math.PI),
  1 / Math.PI,
  1 / Math.LN2,
  1 / Math.LN10,
  1 / Math.sqrt(3),
  1 / Math.sqrt(2 * Math.PI),
  1.0507009873554805, // scale of selu
  1.7580993408473768, // scale · alpha of selu
];
const scales = [1, 2, 0.5, 4, 0.25];
const DENOMINATORS = 100;

/**
 * The number that was most likely written in a function: TensorFlow.js keeps 0.1 as the nearest float32, which
 * is off by 1.5·10⁻⁹. Fractions with small denominators, decimals of six digits and common constants are
 * recovered; any other number stays the float32 that it is. The result always rounds to `x`.
 */
export function written(x: number): number {
  if (Number.isInteger(x) || !Number.isFinite(x)) return x;
  const rounds = (candidate: number): boolean => Math.fround(candidate) === x;
  const decimal = Number(x.toPrecision(6));
  if (rounds(decimal)) return decimal;
  for (let q = 3; q <= DENOMINATORS; q++) {
    const fraction = Math.round(x * q) / q;
    if (rounds(fraction)) return fraction;
  }
  for (const constant of known) {
    for (const scale of scales)
      if (rounds(Math.sign(x) * scale * constant)) return Math.sign(x) * scale * constant;
  }
  return x;
}
