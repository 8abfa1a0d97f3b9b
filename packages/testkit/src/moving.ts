import type { HandWrittenField } from './field.ts';

/** A number, and its derivative in each of some directions. */
export interface MovingNumber {
  readonly value: number;
  readonly tangents: Float64Array;
}

/** A vector, and its derivative in each of some directions. */
export interface MovingVector {
  readonly value: Float64Array;
  readonly tangents: readonly Float64Array[];
}

/** A number that moves in one direction alone, or in none. */
export function movingNumber(value: number, directions: number, own?: number): MovingNumber {
  return { value, tangents: Float64Array.from({ length: directions }, (_, d) => Number(d === own)) };
}

/** `value`, which moves as (1 − w) a + w b does. */
export function movingBetween(a: MovingNumber, b: MovingNumber, w: number, value: number): MovingNumber {
  return { value, tangents: a.tangents.map((da, d) => (1 - w) * da + w * b.tangents[d]!) };
}

/** Σ wᵢ xᵢ. */
export function weighed(weights: readonly MovingNumber[], xs: readonly MovingVector[]): MovingVector {
  const { value, tangents } = xs[0]!;
  const entry = (of: (w: MovingNumber, x: MovingVector) => number): number =>
    weights.reduce((sum, w, i) => sum + of(w, xs[i]!), 0);
  return {
    value: value.map((_, m) => entry((w, x) => w.value * x.value[m]!)),
    tangents: tangents.map((dx, d) =>
      dx.map((_, m) => entry((w, x) => w.tangents[d]! * x.value[m]! + w.value * x.tangents[d]![m]!)),
    ),
  };
}

/** y + h x. */
export function advanced(y: MovingVector, h: MovingNumber, x: MovingVector): MovingVector {
  return {
    value: y.value.map((yi, m) => yi + h.value * x.value[m]!),
    tangents: y.tangents.map((dy, d) =>
      dy.map((dyi, m) => dyi + h.tangents[d]! * x.value[m]! + h.value * x.tangents[d]![m]!),
    ),
  };
}

/**
 * f(t, y, θ), whose parameters are the directions from `firstParameter` on, or do not move. Row m of the Jacobian of f is what the
 * m-th unit cotangent pulls back to.
 */
export function evaluated(
  field: HandWrittenField,
  t: MovingNumber,
  y: MovingVector,
  firstParameter?: number,
): MovingVector {
  const value = field.value(t.value, y.value, field.parameters);
  const rows = Array.from(value, (_, m) => {
    const unit = value.map((_x, l) => Number(l === m));
    const pulled = field.pullback(t.value, y.value, field.parameters, unit);
    return { ...pulled, parameters: pulled.parameters.flatMap((p) => [...p]) };
  });
  return {
    value,
    tangents: y.tangents.map((dy, d) =>
      Float64Array.from(rows, (row) => {
        const own = firstParameter === undefined ? 0 : (row.parameters[d - firstParameter] ?? 0);
        return own + row.t * t.tangents[d]! + row.y.reduce((sum, x, l) => sum + x * dy[l]!, 0);
      }),
    ),
  };
}
