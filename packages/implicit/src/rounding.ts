import type { Layout } from './linear/layout.ts';

/** The largest change of an entry beside the entry. */
export function relative(
  changes: readonly Float64Array[],
  points: readonly Float64Array[],
  start: Float64Array,
): number {
  let worst = 0;
  changes.forEach((change, i) => {
    const point = points[i]!;
    for (let n = 0; n < change.length; n++) {
      const x = Math.abs(change[n]!);
      if (x === 0) continue;
      // Before the change and after it: what leaves zero has no scale before, and what comes there none after.
      const before = point[n]! - change[n]!;
      const ratio = x / Math.max(Math.abs(start[n]!), Math.abs(before), Math.abs(point[n]!));
      // NaN is not below anything.
      if (!(ratio <= worst)) worst = ratio;
    }
  });
  return worst;
}

/** What the rounding of a stage goes by. */
interface Rounding {
  readonly layout: Pick<Layout<unknown>, 'rows' | 'width' | 'bounds'>;
  /** h aᵢⱼ of the stage. */
  readonly weights: readonly number[];
  /** f's derivative in the form of `jacobian`, where there is one. */
  readonly derivative: Float64Array | undefined;
  readonly roundoff: number;
}

/**
 * Whether a change of a stage is no more than rounding: that of the largest entry of its part and row, and what f makes of that of all
 * others, |h aᵢⱼ| |J| |y|; where J is not known, that of the largest entry of the row.
 */
export function isRounding(
  change: Float64Array,
  points: readonly Float64Array[],
  start: Float64Array,
  { layout: { rows, width, bounds }, weights, derivative, roundoff }: Rounding,
): boolean {
  const sizes = start.map((x, n) => points.reduce((most, y) => Math.max(most, Math.abs(y[n]!)), Math.abs(x)));
  const reach = weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  const arriving = (row: number, n: number): number => {
    let sum = 0;
    if (!derivative) {
      for (let m = 0; m < width; m++) sum = Math.max(sum, sizes[row * width + m]!);
      return sum;
    }
    const from = (row * width + n) * width;
    for (let m = 0; m < width; m++) sum += Math.abs(derivative[from + m]!) * sizes[row * width + m]!;
    return reach * sum;
  };
  for (let row = 0; row < rows; row++)
    for (let part = 0; part + 1 < bounds.length; part++) {
      const [from, to] = [bounds[part]!, bounds[part + 1]!];
      let largest = 0;
      for (let n = from; n < to; n++) largest = Math.max(largest, sizes[row * width + n]!);
      for (let n = from; n < to; n++) {
        const size = Math.abs(change[row * width + n]!);
        if (!(size <= 64 * roundoff * largest) && !(size <= 64 * roundoff * arriving(row, n))) return false;
      }
    }
  return true;
}
