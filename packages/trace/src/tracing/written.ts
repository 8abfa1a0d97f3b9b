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

/** Bits of a number that is no sooner rounded than meant. */
const BITS = 2 ** 16;

/** Whether x may well be another number rounded to float32: its 24 bits are in use. */
function looksRounded(x: number): boolean {
  if (!Number.isFinite(x) || (Number.isInteger(x) && Math.abs(x) < 2 ** 24)) return false;
  if (Number(x.toPrecision(6)) === x) return false;
  const exponent = Math.floor(Math.log2(Math.abs(x)));
  return !Number.isInteger((x / 2 ** exponent) * (BITS / 2));
}

let warned = false;

/**
 * The numbers that a tensor was most likely made of that came to f ready-made: of all its entries, or else of none. Says once
 * where they cannot be told and may well have been other numbers.
 */
export function recovered(data: Float32Array): Float32Array | Float64Array {
  const numbers = new Float64Array(data.length);
  let changed = false;
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    const number = looksRounded(x) ? written(x) : x;
    if (number === x && looksRounded(x)) {
      warnOfRounded(x, data.length);
      return data.slice();
    }
    changed ||= !Object.is(number, x);
    numbers[i] = number;
  }
  return changed ? numbers : data.slice();
}

function warnOfRounded(x: number, size: number): void {
  if (warned) return;
  warned = true;
  console.warn(
    `odegrad: in doubles, f uses a float32 tensor of ${size === 1 ? 'one number' : `${size} numbers`} that was made outside of ` +
      `it. ${x} is taken as it stands there, although it may have been another number (float32 keeps 7 digits). Make the tensor ` +
      'within f, of plain numbers, and they are kept as written; or ignore this where float32 is what is meant.',
  );
}
