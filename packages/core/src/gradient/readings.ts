import { dotStates } from '../memory/state.ts';
import type { Memory } from '../memory/memory.ts';
import { fractionOf, timesOfStep } from '../stepping/between.ts';
import { nonZero, rateWeights } from '../stepping/read-step.ts';
import type { State, Term } from '../types/engine.ts';
import type { Interpolant, InterpolantWeights } from '../types/interpolant.ts';
import type { Gradient, Problem, ReadCotangents, ReadRows } from '../types/problem.ts';
import type { Span } from '../types/span.ts';
import type { Sweep } from './work.ts';

/** Cotangents v of what was read off one step. */
export interface StepReadings<A> {
  /** Where in the step each was read: 0 its start, 1 its end. */
  readonly xs: readonly number[];
  /** What was made of the step's values there. */
  readonly weights: readonly InterpolantWeights[];
  /** Σ wᵣ vᵣ, as terms of states. */
  over(weights: readonly number[]): readonly Term<State<A>>[];
  /** ⟨vᵣ, slope⟩ for each. */
  along(slope: State<A>): readonly number[];
  /** Takes ∂ℒ/∂t of each. */
  setTimes(rates: readonly number[]): void;
}

/** All that was read, step by step, and ∂ℒ/∂t of it once the sweep has passed. */
export interface Readings<A> {
  at(n: number, span: Span): StepReadings<A> | undefined;
  /** Whether nothing that was read has a cotangent. */
  readonly isEmpty: boolean;
  readonly times: Pick<Gradient<A>, 'between' | 'rows' | 'points'>;
}

/** A single state or slope that was read, and where ∂ℒ/∂t of it goes. */
interface Reading<A> {
  readonly t: number;
  readonly cotangent: State<A>;
  readonly rate?: boolean | undefined;
  readonly set: (derivative: number) => void;
}

/** Sorts out which cotangents belong to which step. */
export function readingsOf<A>(
  { problem, solver, memory, rows }: Pick<Sweep<A>, 'problem' | 'solver' | 'memory' | 'rows'>,
  { between = [], points = [], rows: rowCotangents = [] }: ReadCotangents<A>,
): Readings<A> {
  const { interpolant } = solver;
  const times = {
    ...(problem.between && { between: problem.between.map(() => 0) }),
    ...(problem.rows && { rows: problem.rows.times.map(() => 0) }),
    ...((problem.dense ?? problem.ending) && { points: points.map(() => 0) }),
  };
  const put = (list: number[], i: number) => (derivative: number) => void (list[i] = derivative);
  const single: Reading<A>[] = [
    ...between.flatMap((cotangent, i) =>
      cotangent ? [{ t: problem.between![i]!, cotangent, set: put(times.between!, i) }] : [],
    ),
    ...points.map((point, i) => ({ ...point, set: put(times.points!, i) })),
  ];
  const chunks = new Map(rows.map((chunk, index) => [chunk.step, { ...chunk, index }]));
  const sign = Math.sign(problem.ts.at(-1)! - problem.ts[0]!);
  single.sort((a, b) => sign * (a.t - b.t));
  const ts = single.map(({ t }) => t);
  return {
    times,
    isEmpty: single.length === 0 && rowCotangents.every((cotangent) => cotangent === undefined),
    at(n, span) {
      if (single.length > 0) {
        const { from, to } = timesOfStep(ts, span, n);
        return to > from ? statesOf(memory, interpolant!, span, single.slice(from, to)) : undefined;
      }
      const chunk = chunks.get(n);
      const cotangent = chunk && rowCotangents[chunk.index];
      return cotangent && rowsOf(memory, interpolant!, span, problem.rows!, chunk, cotangent, times.rows!);
    },
  };
}

function statesOf<A>(
  { engine }: Memory<A>,
  interpolant: Interpolant,
  span: Span,
  readings: readonly Reading<A>[],
): StepReadings<A> {
  const values = readings.map(({ cotangent }) => cotangent);
  const xs = readings.map(({ t }) => fractionOf(span, t));
  return {
    xs,
    weights: readings.map(({ rate }, i) =>
      rate ? rateWeights(interpolant, span, xs[i]!) : interpolant.weights(xs[i]!),
    ),
    over: (weights) => (weights.every((weight) => weight === 0) ? [] : nonZero(weights, values)),
    along: (slope) => values.map((v) => dotStates(engine, v, slope)),
    setTimes(rates) {
      readings.forEach(({ set }, i) => {
        set(rates[i]!);
      });
    },
  };
}

function rowsOf<A>(
  { engine, scope }: Memory<A>,
  interpolant: Interpolant,
  span: Span,
  { times, rows: all, count }: NonNullable<Problem<A>['rows']>,
  { from, to }: ReadRows<A>,
  cotangent: State<A>,
  derivatives: number[],
): StepReadings<A> {
  const here = Array.from({ length: to - from }, (_, i) => i);
  const rows = here.map((i) => all[from + i]!);
  const xs = here.map((i) => fractionOf(span, times[from + i]!));
  const alone = (x: State<A>, of: number, row: number): State<A> =>
    x.map((value) => engine.mixRows!(1, [{ value, rows: of, from: [row], to: [0], coefficients: [1] }]));
  return {
    xs,
    weights: xs.map(interpolant.weights),
    over(weights) {
      if (weights.every((weight) => weight === 0)) return [];
      const value = cotangent.map((v) =>
        engine.mixRows!(count, [
          { value: v, rows: here.length, from: here, to: rows, coefficients: weights },
        ]),
      );
      return [{ coefficient: 1, value }];
    },
    along: (slope) =>
      here.map((i) =>
        scope(() => dotStates(engine, alone(cotangent, here.length, i), alone(slope, count, rows[i]!))),
      ),
    setTimes(rates) {
      rates.forEach((rate, i) => {
        derivatives[from + i] = rate;
      });
    },
  };
}
