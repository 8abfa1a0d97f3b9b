import type { Engine, RowTerm, Term } from '@odegrad/core';

import type { FloatData, FloatType } from '../ir/floats.ts';
import { release, take, type ArrayPool, type HostArray } from './host-array.ts';
import { shelfFor } from './shelf.ts';

const data = (x: HostArray): FloatData => x.data as FloatData;

/**
 * Arithmetic on typed arrays in plain loops. Sums are formed in float64 and rounded once, when they are
 * stored. `plus` may take plain sums over.
 */
export function arrayEngine(
  name: string,
  float: FloatType,
  plus: (x: HostArray, y: HostArray) => HostArray | undefined = () => undefined,
): Engine<HostArray> {
  return {
    name,
    roundoff: float === 'float64' ? 2 ** -53 : 2 ** -24,
    combine(base, unscaled, scale = 1) {
      const terms = unscaled.map(({ coefficient, value }) => ({ coefficient: scale * coefficient, value }));
      const [first] = terms;
      const sum =
        base && terms.length === 1 && first!.coefficient === 1 ? plus(base, first!.value) : undefined;
      if (sum) return sum;
      const all = base ? [{ coefficient: 1, value: base }, ...terms] : terms;
      const out = take(all[0]!.value.kind);
      add(data(out), all);
      return out;
    },
    mixRows(count, terms) {
      const { dims, type, pool } = terms[0]!.value.kind;
      const out = take(pool.kind([count, ...dims.slice(1)], type));
      mix(data(out), count, terms);
      return out;
    },
    zeros(like) {
      const out = take(like.kind);
      data(out).fill(0);
      return out;
    },
    dot(x, y) {
      const [a, b] = [data(x), data(y)];
      let sum = 0;
      for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
      return sum;
    },
    scaledNorm(error, y0, y1, { rtol, atol }) {
      const [e, a, b] = [data(error), data(y0), data(y1)];
      let sum = 0;
      for (let i = 0; i < e.length; i++) {
        const ratio = e[i] === 0 ? 0 : e[i]! / (atol + rtol * Math.max(Math.abs(a[i]!), Math.abs(b[i]!)));
        sum += ratio * ratio;
      }
      const norm = Math.sqrt(sum / Math.max(1, e.length));
      return Number.isNaN(norm) ? Infinity : norm;
    },
    scaledMax(error, y0, y1, { rtol, atol }) {
      const [e, a, b] = [data(error), data(y0), data(y1)];
      let largest = 0;
      for (let i = 0; i < e.length; i++) {
        if (e[i] === 0) continue;
        const ratio = Math.abs(e[i]!) / (atol + rtol * Math.max(Math.abs(a[i]!), Math.abs(b[i]!)));
        // NaN is not below anything.
        if (!(ratio <= largest)) largest = Number.isNaN(ratio) ? Infinity : ratio;
      }
      return largest;
    },
    isFinite(x) {
      // One entry that is not finite makes the sum of x − x not 0.
      const a = data(x);
      let sum = 0;
      for (let i = 0; i < a.length; i++) sum += a[i]! - a[i]!;
      return sum === 0;
    },
    bytes: (x) => x.kind.bytes,
    release,
    entries: {
      shape: (x) => x.kind.dims,
      read: (x) => Float64Array.from(data(x)),
      write(values, like) {
        const out = take(like.kind);
        data(out).set(values);
        return out;
      },
    },
    shelf: (y) => shelfFor(float, y),
  };
}

type Terms = readonly Term<HostArray>[];
type Seven<T> = [T, T, T, T, T, T, T];

/** out = Σ cᵢ xᵢ in one loop, for the numbers of terms that steps of common tableaus have. */
function add(out: FloatData, terms: Terms): void {
  const n = out.length;
  const [p, q, r, s, u, v, w] = terms.map(({ value }) => data(value)) as Seven<FloatData>;
  const [a, b, c, d, e, f, g] = terms.map(({ coefficient }) => coefficient) as Seven<number>;
  switch (terms.length) {
    case 1:
      for (let i = 0; i < n; i++) out[i] = a * p[i]!;
      return;
    case 2:
      for (let i = 0; i < n; i++) out[i] = a * p[i]! + b * q[i]!;
      return;
    case 3:
      for (let i = 0; i < n; i++) out[i] = a * p[i]! + b * q[i]! + c * r[i]!;
      return;
    case 4:
      for (let i = 0; i < n; i++) out[i] = a * p[i]! + b * q[i]! + c * r[i]! + d * s[i]!;
      return;
    case 5:
      for (let i = 0; i < n; i++) out[i] = a * p[i]! + b * q[i]! + c * r[i]! + d * s[i]! + e * u[i]!;
      return;
    case 6:
      for (let i = 0; i < n; i++)
        out[i] = a * p[i]! + b * q[i]! + c * r[i]! + d * s[i]! + e * u[i]! + f * v[i]!;
      return;
    case 7:
      for (let i = 0; i < n; i++)
        out[i] = a * p[i]! + b * q[i]! + c * r[i]! + d * s[i]! + e * u[i]! + f * v[i]! + g * w[i]!;
      return;
    default:
      accumulate(out, terms);
  }
}

/** Entries of a block of the sum, kept in float64 until all terms are in. */
const block = new Float64Array(1024);

/** out = Σ cᵢ xᵢ of any number of terms. */
function accumulate(out: FloatData, terms: Terms): void {
  for (let start = 0; start < out.length; start += block.length) {
    const n = Math.min(block.length, out.length - start);
    block.fill(0, 0, n);
    for (const { coefficient, value } of terms) {
      const x = data(value);
      for (let i = 0; i < n; i++) block[i]! += coefficient * x[start + i]!;
    }
    for (let i = 0; i < n; i++) out[start + i] = block[i]!;
  }
}

/** out = Σ cᵢ xᵢ by rows, kept in float64 until all terms are in. */
function mix(out: FloatData, count: number, terms: readonly RowTerm<HostArray>[]): void {
  const sums = new Float64Array(out.length);
  const size = out.length / count;
  for (const { value, from, to, coefficients } of terms) {
    const x = data(value);
    coefficients.forEach((coefficient, i) => {
      if (coefficient === 0) return;
      const [start, end] = [from[i]! * size, to[i]! * size];
      for (let k = 0; k < size; k++) sums[end + k]! += coefficient * x[start + k]!;
    });
  }
  out.set(sums);
}

/** An array with those values. */
export function arrayOf(
  pool: ArrayPool,
  float: FloatType,
  values: ArrayLike<number>,
  shape: readonly number[],
): HostArray {
  const out = take(pool.kind(shape, float));
  data(out).set(values);
  return out;
}
