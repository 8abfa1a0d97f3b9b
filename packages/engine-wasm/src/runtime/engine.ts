import type { Engine, Term } from '@odegrad/core';
import type { FloatData, FloatType } from '@odegrad/trace';

import { release, take, zeros, type WasmArray } from './array.ts';

/** Arithmetic on typed arrays in plain loops. Sums are formed in float64 and rounded once, when they are stored. */
export function arrayEngine(float: FloatType): Engine<WasmArray> {
  return {
    name: 'wasm',
    roundoff: float === 'float64' ? 2 ** -53 : 2 ** -24,
    combine(base, terms, scale = 1) {
      const scaled = terms.map(({ coefficient, value }) => ({ coefficient: scale * coefficient, value }));
      const all = base ? [{ coefficient: 1, value: base }, ...scaled] : scaled;
      const out = take(all[0]!.value.kind);
      accumulate(out.data, all);
      return out;
    },
    zeros: (like) => zeros(like.kind),
    dot({ data: a }, { data: b }) {
      let sum = 0;
      for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
      return sum;
    },
    scaledNorm({ data: e }, { data: a }, { data: b }, { rtol, atol }) {
      let sum = 0;
      for (let i = 0; i < e.length; i++) {
        const ratio = e[i] === 0 ? 0 : e[i]! / (atol + rtol * Math.max(Math.abs(a[i]!), Math.abs(b[i]!)));
        sum += ratio * ratio;
      }
      const norm = Math.sqrt(sum / Math.max(1, e.length));
      return Number.isNaN(norm) ? Infinity : norm;
    },
    isFinite({ data }) {
      // One entry that is not finite makes the sum of x − x not 0.
      let sum = 0;
      for (let i = 0; i < data.length; i++) sum += data[i]! - data[i]!;
      return sum === 0;
    },
    bytes: (x) => x.kind.bytes,
    release,
  };
}

/** Entries of a block of a sum, kept in float64 until all terms are in. */
const block = new Float64Array(1024);

/** out = Σ cᵢ xᵢ. */
function accumulate(out: FloatData, terms: readonly Term<WasmArray>[]): void {
  for (let start = 0; start < out.length; start += block.length) {
    const n = Math.min(block.length, out.length - start);
    block.fill(0, 0, n);
    for (const { coefficient, value } of terms) {
      const { data } = value;
      for (let i = 0; i < n; i++) block[i]! += coefficient * data[start + i]!;
    }
    for (let i = 0; i < n; i++) out[start + i] = block[i]!;
  }
}
