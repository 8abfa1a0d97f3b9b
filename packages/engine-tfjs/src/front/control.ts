import {
  add,
  cast,
  concat,
  div,
  greaterEqual,
  matMul,
  mul,
  reshape,
  slice,
  sub,
  tensor1d,
  tidy,
  type Rank,
  type Scalar,
  type Tensor,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import { ArgumentError, checkTimes } from '@odegrad/core';
import { describe } from './describe.ts';
import { tensorAt } from './tensor-parts.ts';

/** How a control goes from one of its values to the next. */
export type ControlKind = 'linear' | 'cubic' | 'steps';

/** A quantity given at some times, as a function of time. */
export interface Control {
  /** The value at t, of the shape of one value. Before the first and after the last time the piece there goes on. */
  at(t: Scalar): Tensor;
  /**
   * Its derivative by t.
   * @throws {ArgumentError} for 'steps', which has none.
   */
  rate(t: Scalar): Tensor;
  /** The times at which one piece ends and the next begins: what `jumpAt` is for. */
  readonly knots: readonly number[];
}

const KINDS: readonly unknown[] = ['linear', 'cubic', 'steps'] satisfies ControlKind[];

/**
 * A quantity that is known at the times `ts`, for f to read at any time: data that drive an equation, or the path of a neural
 * controlled differential equation. `us` is `[ts.length, ...shape]`. A control is made of ordinary operations, so it is recorded
 * and compiled with f and has gradients to `us` and t; made inside f, it may come of `args`.
 *
 * - 'linear': straight lines. Its rate jumps at the knots.
 * - 'cubic': the cubic Hermite spline whose slope at each time is that of the line from the time before: no value depends on a
 *   later interval's end, and the rate is continuous (Morrill et al., "On the choice of interpolation scheme for neural CDEs",
 *   TMLR 2022).
 * - 'steps': each value holds until the next time. With `jumpAt: control.knots` steps end there, and f sees its own side of each.
 *
 * @throws {ArgumentError} for times that do not increase, or values that are not as many.
 */
export function control(
  ts: readonly number[] | Float64Array,
  us: Tensor,
  kind: ControlKind = 'linear',
): Control {
  if (!KINDS.includes(kind)) {
    throw new ArgumentError(`\`kind\` must be 'linear', 'cubic' or 'steps', not ${describe(kind)}.`);
  }
  const times = checkedTimes(ts, us, kind);
  const shape = us.shape.slice(1);
  const pieces = kind === 'steps' ? times.length : times.length - 1;
  const knots = times.slice(1, pieces);
  return {
    knots,
    at: (t) => tidy(() => reshape(VALUES[kind](piecesAt(times, us, t, pieces)), shape)),
    rate(t) {
      if (kind !== 'steps') return tidy(() => reshape(RATES[kind](piecesAt(times, us, t, pieces)), shape));
      throw new ArgumentError("A control of kind 'steps' has no rate; take 'linear' or 'cubic'.");
    },
  };
}

/** What is known of the pieces at a time t. */
interface Pieces {
  /** A row of zeros with a one where t lies: products with it pick, and have gradients, on every engine. */
  readonly choice: Tensor;
  /** t − t_k, and t_{k+1} − t_k. */
  readonly since: Tensor;
  readonly widths: Tensor;
  /** Σ weight_k u_k. */
  values(weights: Tensor): Tensor;
  /** Σ weight_k of the slope of the line over piece k. */
  slopes(weights: Tensor): Tensor;
  /** Σ weight_k of the slope of the line before piece k, of the first line for the first piece. */
  before(weights: Tensor): Tensor;
}

/** Where t lies. Tables are made again in each f: they hang on `us` alone, so compilers take them out, and gradients go through. */
function piecesAt(times: readonly number[], us: Tensor, t: Scalar, pieces: number): Pieces {
  const table = reshape<Rank.R2>(us, [times.length, -1]);
  const rows = (from: number, count: number): Tensor2D => slice(table, [from, 0], [count, -1]);
  const widths = tensor1d(times.slice(1).map((next, k) => next - times[k]!));
  const lines = (): Tensor2D => {
    const [later, earlier] = [rows(1, times.length - 1), rows(0, times.length - 1)];
    return div(sub(later, earlier), reshape(widths, [-1, 1]));
  };
  const of = (weights: Tensor, rowsOf: Tensor2D): Tensor =>
    matMul(reshape<Rank.R2>(weights, [1, -1]), rowsOf);
  return {
    choice: choiceOf(t, times.slice(1, pieces)),
    since: sub(t, tensor1d(times.slice(0, pieces))),
    widths,
    values: (weights) => of(weights, rows(0, pieces)),
    slopes: (weights) => of(weights, lines()),
    before(weights) {
      const all = lines();
      const first = slice(all, [0, 0], [1, -1]);
      return of(weights, pieces === 1 ? first : concat([first, slice(all, [0, 0], [pieces - 1, -1])]));
    },
  };
}

function choiceOf(t: Scalar, knots: readonly number[]): Tensor {
  const one = tensor1d([1]);
  if (knots.length === 0) return one;
  const begun = cast(greaterEqual(t, tensor1d([...knots])), 'float32');
  return sub(concat([one, begun]), concat([begun, tensor1d([0])]));
}

// With x = t − t_k in a piece of width d, from slope m to slope s, which is that of the line itself:
// u = u_k + m x + (s − m)(2 x²/d − x³/d²).

const VALUES: Readonly<Record<ControlKind, (pieces: Pieces) => Tensor>> = {
  steps: ({ choice, values }) => values(choice),
  linear: ({ choice, since, values, slopes }) => add(values(choice), slopes(mul(choice, since))),
  cubic({ choice, since, widths, values, slopes, before }) {
    const x = mul(choice, since);
    const z = div(x, widths);
    const bend = mul(x, mul(z, sub(2, z)));
    return add(values(choice), add(slopes(bend), before(sub(x, bend))));
  },
};

const RATES: Readonly<Record<Exclude<ControlKind, 'steps'>, (pieces: Pieces) => Tensor>> = {
  linear: ({ choice, slopes }) => slopes(choice),
  cubic({ choice, since, widths, slopes, before }) {
    const z = div(mul(choice, since), widths);
    const bend = mul(z, sub(4, mul(3, z)));
    return add(slopes(bend), before(sub(choice, bend)));
  },
};

/** @throws {ArgumentError} */
function checkedTimes(
  ts: readonly number[] | Float64Array,
  us: Tensor,
  kind: ControlKind,
): readonly number[] {
  checkTimes(ts as readonly number[]);
  const times = [...ts];
  const turn = times.findIndex((t, i) => i > 0 && !(t > times[i - 1]!));
  if (turn > 0) {
    throw new ArgumentError(
      `The times of a control must increase, but ts[${turn - 1}] = ${times[turn - 1]!} and ts[${turn}] = ${times[turn]!}.`,
    );
  }
  if (kind !== 'steps' && times.length < 2) {
    throw new ArgumentError(`A control of kind '${kind}' needs two times at least; 'steps' takes one.`);
  }
  const { shape, dtype } = tensorAt(us, 'us');
  if (shape[0] === times.length && dtype === 'float32') return times;
  throw new ArgumentError(
    `\`us\` must be float32 of the shape [${times.length}, …], a value for each time, not ${dtype} of [${shape.join(', ')}].`,
  );
}
