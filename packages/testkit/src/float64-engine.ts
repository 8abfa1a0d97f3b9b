import type { Engine } from '@odegrad/core';

/** The testkit's engine: plain `Float64Array`s, which it counts. */
export interface Float64Engine extends Engine<Float64Array> {
  /** Arrays made and not yet released. */
  live(): number;
}

/**
 * A float64 engine over typed arrays, slow and obvious. Releasing an array twice, or a foreign one, throws, and
 * so does using one after its release; to whoever still reads it directly it is NaN.
 */
export function createFloat64Engine(): Float64Engine {
  const alive = new Set<Float64Array>();
  const gone = new Set<Float64Array>();
  const made = (x: Float64Array): Float64Array => {
    alive.add(x);
    return x;
  };
  const use = (x: Float64Array): void => {
    if (gone.has(x)) throw new Error('An array was used after its release.');
  };
  return {
    name: 'float64',
    roundoff: 2 ** -53,
    live: () => alive.size,
    combine(base, terms, scale = 1) {
      if (base) use(base);
      const result = base ? base.slice() : new Float64Array(terms[0]!.value.length);
      for (const { coefficient, value } of terms) {
        use(value);
        const factor = scale * coefficient;
        for (let i = 0; i < result.length; i++) result[i]! += factor * value[i]!;
      }
      return made(result);
    },
    mixRows(count, terms) {
      for (const { value } of terms) use(value);
      const size = terms[0]!.value.length / terms[0]!.rows;
      const result = new Float64Array(count * size);
      for (const { value, from, to, coefficients } of terms) {
        coefficients.forEach((coefficient, i) => {
          if (coefficient === 0) return;
          for (let k = 0; k < size; k++)
            result[to[i]! * size + k]! += coefficient * value[from[i]! * size + k]!;
        });
      }
      return made(result);
    },
    zeros(like) {
      use(like);
      return made(new Float64Array(like.length));
    },
    dot(x, y) {
      use(x);
      use(y);
      return x.reduce((sum, xi, i) => sum + xi * y[i]!, 0);
    },
    scaledNorm(error, y0, y1, { rtol, atol }) {
      for (const x of [error, y0, y1]) use(x);
      const sum = error.reduce((total, e, i) => {
        if (e === 0) return total;
        return total + (e / (atol + rtol * Math.max(Math.abs(y0[i]!), Math.abs(y1[i]!)))) ** 2;
      }, 0);
      const norm = Math.sqrt(sum / error.length);
      return Number.isFinite(norm) ? norm : Infinity;
    },
    scaledMax(error, y0, y1, { rtol, atol }) {
      for (const x of [error, y0, y1]) use(x);
      const scaled = Array.from(error, (e, i) =>
        e === 0 ? 0 : Math.abs(e) / (atol + rtol * Math.max(Math.abs(y0[i]!), Math.abs(y1[i]!))),
      );
      return scaled.every(Number.isFinite) ? Math.max(0, ...scaled) : Infinity;
    },
    isFinite(x) {
      use(x);
      return x.every(Number.isFinite);
    },
    bytes(x) {
      use(x);
      return x.byteLength;
    },
    entries: {
      shape: (x) => [x.length],
      read(x) {
        use(x);
        return x.slice();
      },
      write: (values) => made(values.slice()),
    },
    release(x) {
      if (!alive.delete(x)) throw new Error('An array was released twice, or does not belong to the engine.');
      gone.add(x);
      x.fill(NaN);
    },
  };
}
