import type { ButcherTableau } from '@odegrad/core';
import type { HandWrittenField } from './field.ts';
import { interpolationWeights } from './interpolation.ts';

/** One accepted step, and how far its ends move with the end of its output interval (1 − that with the start). */
export interface DiscreteStep {
  readonly t0: number;
  readonly t1: number;
  readonly interval: number;
  readonly moves: readonly [number, number];
}

/** A gradient on plain vectors. */
export interface DiscreteGradient {
  readonly y0: Float64Array;
  readonly parameters: readonly Float64Array[];
  readonly ts: readonly number[];
  /** Of the times that are read off steps. */
  readonly between?: readonly number[];
}

/** Times that are read off steps, and cotangents of the states there. */
export interface Readings {
  readonly times: readonly number[];
  readonly cotangents: readonly (Float64Array | undefined)[];
  /** Cotangents of the state at the start and at the end of every step. */
  readonly ends?: readonly (Float64Array | undefined)[] | undefined;
}

const isWithin = (t: number, { t0, t1 }: DiscreteStep): boolean =>
  Math.sign(t1 - t0) * (t - t0) > 0 && Math.sign(t1 - t0) * (t1 - t) >= 0;

/**
 * The steps of a solve from the times where its accepted steps end. Equal steps share their interval; of adaptive
 * ones all move with the start of the interval, except the landing, whose end is the interval's end. Between output
 * times that are the same lies one step without length, which a solve does not take.
 */
export function discreteSteps(
  ts: readonly number[],
  ends: readonly number[],
  adaptive: boolean,
): DiscreteStep[] {
  const steps: DiscreteStep[] = [];
  let next = 0;
  for (let interval = 0; interval + 1 < ts.length; interval++) {
    if (ts[interval + 1] === ts[interval]) {
      steps.push({ t0: ts[interval]!, t1: ts[interval]!, interval, moves: [0, 1] });
      continue;
    }
    const landing = ends.indexOf(ts[interval + 1]!, next);
    if (landing < 0) throw new Error(`No step ends on ts[${interval + 1}] = ${ts[interval + 1]!}.`);
    const count = landing + 1 - next;
    for (let j = 0; j < count; j++) {
      const moves = adaptive
        ? ([0, j + 1 === count ? 1 : 0] as const)
        : ([j / count, (j + 1) / count] as const);
      steps.push({ t0: j === 0 ? ts[interval]! : ends[next + j - 1]!, t1: ends[next + j]!, interval, moves });
    }
    next = landing + 1;
  }
  if (next !== ends.length) throw new Error('Steps were taken after the last output time.');
  return steps;
}

/** The same steps after the output times have moved. */
export function moveSteps(
  steps: readonly DiscreteStep[],
  from: readonly number[],
  to: readonly number[],
): DiscreteStep[] {
  const shift = (i: number): number => to[i]! - from[i]!;
  return steps.map((step) => {
    const { interval, moves } = step;
    const at = (t: number, weight: number): number =>
      t + (1 - weight) * shift(interval) + weight * shift(interval + 1);
    return { ...step, t0: at(step.t0, moves[0]), t1: at(step.t1, moves[1]) };
  });
}

/** Times that are read off steps, and of each the index of its step. */
interface Reads {
  readonly times: readonly number[];
  readonly within: readonly number[];
}

/** The states at the output times over given steps, and at times within: a Runge–Kutta method as textbooks write it. */
function solved(
  tableau: ButcherTableau,
  field: HandWrittenField,
  y0: Float64Array,
  steps: readonly DiscreteStep[],
  { times, within }: Reads,
): { readonly ys: Float64Array[]; readonly read: Float64Array[] } {
  const { a, b, c } = tableau;
  const ys = [y0];
  const read: Float64Array[] = [];
  let y = y0;
  for (const [n, { t0, t1, interval }] of steps.entries()) {
    const h = t1 - t0;
    const k: Float64Array[] = [];
    const along = (weights: readonly number[]): Float64Array =>
      y.map((x, m) => x + h * weights.reduce((sum, w, i) => sum + w * (k[i]?.[m] ?? 0), 0));
    // The ends of a step are what they are: t0 + (t1 − t0) may miss t1 by a rounding, and fields may jump there.
    b.forEach((_, i) =>
      k.push(field.value(c[i] === 1 ? t1 : t0 + c[i]! * h, along(a[i]!), field.parameters)),
    );
    const y1 = along(b);
    times.forEach((t, o) => {
      if (within[o] !== n) return;
      k[b.length] = field.value(t1, y1, field.parameters);
      read[o] = along(interpolationWeights(tableau, (t - t0) / h).weights);
    });
    y = y1;
    ys[interval + 1] = y;
  }
  return { ys, read };
}

/** The states at the output times over given steps. */
export function discreteSolution(
  tableau: ButcherTableau,
  field: HandWrittenField,
  y0: Float64Array,
  steps: readonly DiscreteStep[],
): Float64Array[] {
  return solved(tableau, field, y0, steps, { times: [], within: [] }).ys;
}

/** The states at times that are read off given steps: `within` says of each which. */
export function discreteReadings(
  tableau: ButcherTableau,
  field: HandWrittenField,
  y0: Float64Array,
  steps: readonly DiscreteStep[],
  reads: Reads,
): Float64Array[] {
  return solved(tableau, field, y0, steps, reads).read;
}

/**
 * The gradient of Σ ⟨cotangentᵢ, yᵢ⟩ over given steps by forward differentiation: the tangents of y with respect
 * to every entry of y0 and the parameters and to every output time are carried along with the state. It shares
 * nothing with a backward recursion, and is as exact.
 */
export function tangentGradient(
  tableau: ButcherTableau,
  field: HandWrittenField,
  y0: Float64Array,
  ts: readonly number[],
  steps: readonly DiscreteStep[],
  cotangents: readonly (Float64Array | undefined)[],
  { times: between, cotangents: readCotangents, ends = [] }: Readings = { times: [], cotangents: [] },
): DiscreteGradient {
  const { a, b, c } = tableau;
  const n = y0.length;
  const sizes = field.parameters.map((p) => p.length);
  const weights = n + sizes.reduce((sum, size) => sum + size, 0);
  const directions = weights + ts.length + between.length;
  const gradient = new Float64Array(directions);
  const inject = (cotangent: Float64Array | undefined, tangents: readonly Float64Array[]): void => {
    if (cotangent)
      tangents.forEach((dy, d) => (gradient[d]! += dy.reduce((s, x, m) => s + x * cotangent[m]!, 0)));
  };

  let y = y0;
  let tangents: Float64Array[] = Array.from({ length: directions }, (_, d) =>
    y0.map((_x, m) => (m === d ? 1 : 0)),
  );
  inject(cotangents[0], tangents);
  inject(ends[0], tangents);
  let taken = 0;
  for (const [index, step] of steps.entries()) {
    const { t0, t1, interval, moves } = step;
    const h = t1 - t0;
    const end = (d: number, weight: number): number =>
      (d === weights + interval ? 1 - weight : 0) + (d === weights + interval + 1 ? weight : 0);
    const k: Float64Array[] = [];
    const dk: Float64Array[][] = [];
    const along = (row: readonly number[]): Float64Array =>
      y.map((x, m) => x + h * row.reduce((sum, w, i) => sum + w * k[i]![m]!, 0));
    const tangentAlong = (row: readonly number[], d: number): Float64Array => {
      const dh = end(d, moves[1]) - end(d, moves[0]);
      return tangents[d]!.map(
        (x, m) => x + row.reduce((sum, w, i) => sum + w * (dh * k[i]![m]! + h * dk[i]![d]![m]!), 0),
      );
    };
    /** One slope more, with its tangents: at `node` of the step, where the state is `row` along the slopes so far. */
    const evaluate = (node: number, row: readonly number[]): void => {
      const t = node === 1 ? t1 : t0 + node * h;
      const at = along(row);
      // Row m of the Jacobian of f is what the m-th unit cotangent pulls back to.
      const rows = Array.from({ length: n }, (_, m) => {
        const unit = Float64Array.from({ length: n }, (_x, l) => (l === m ? 1 : 0));
        const { t: ft, y: fy, parameters } = field.pullback(t, at, field.parameters, unit);
        return { ft, fy, fp: parameters.flatMap((p) => [...p]) };
      });
      dk.push(
        tangents.map((_, d) => {
          const dy = tangentAlong(row, d);
          const dt = end(d, moves[0]) * (1 - node) + end(d, moves[1]) * node;
          return Float64Array.from(rows, ({ ft, fy, fp }) => {
            const own = d >= n && d < weights ? fp[d - n]! : 0;
            return own + ft * dt + fy.reduce((sum, x, l) => sum + x * dy[l]!, 0);
          });
        }),
      );
      k.push(field.value(t, at, field.parameters));
    };
    a.forEach((row, i) => {
      evaluate(c[i]!, row);
    });
    between.forEach((t, o) => {
      if (!readCotangents[o] || !(isWithin(t, step) || (index === 0 && t === t0))) return;
      if (k.length === b.length) evaluate(1, b);
      const x = (t - t0) / h;
      const { weights: w, rates } = interpolationWeights(tableau, x);
      const read = tangents.map((_, d) => {
        const own = d === weights + ts.length + o ? 1 : 0;
        const dx = (own - end(d, moves[0]) - x * (end(d, moves[1]) - end(d, moves[0]))) / h;
        return tangentAlong(w, d).map(
          (v, m) => v + h * dx * rates.reduce((sum, rate, i) => sum + rate * k[i]![m]!, 0),
        );
      });
      inject(readCotangents[o], read);
    });
    const next = along(b);
    tangents = tangents.map((_, d) => tangentAlong(b, d));
    y = next;
    if (t1 === ts[interval + 1]) inject(cotangents[interval + 1], tangents);
    if (t1 !== t0) inject(ends[++taken], tangents);
  }
  let start = n;
  return {
    y0: gradient.slice(0, n),
    parameters: sizes.map((size) => gradient.slice(start, (start += size))),
    ts: [...gradient.slice(weights, weights + ts.length)],
    ...(between.length > 0 ? { between: [...gradient.slice(weights + ts.length)] } : {}),
  };
}
