import type { Memory } from '../memory/memory.ts';
import { combineStates } from '../memory/state.ts';
import { sizeOf } from '../solver/span.ts';
import { fractionOf } from './between.ts';
import type { State, Term } from '../types/engine.ts';
import type { Interpolant, InterpolantWeights } from '../types/interpolant.ts';
import type { Stage, Step } from '../types/solver.ts';
import type { Span } from '../types/span.ts';

/** An accepted step, with the slope at its end. */
export interface ReadStep<A> {
  readonly span: Span;
  readonly y: State<A>;
  readonly step: Step<A>;
  /** Absent where nothing before the end is read. */
  readonly last?: Stage<A> | undefined;
}

/** What the interpolant of a step combines. */
export interface DenseStep<A> {
  readonly span: Span;
  readonly start: State<A>;
  readonly end: State<A>;
  readonly first: State<A>;
  readonly last: State<A>;
  readonly bumps: readonly State<A>[];
}

/** Gets the bumps of a step together; `first` is its first slope where that is known. */
export function denseStep<A>(
  { engine }: Pick<Memory<A>, 'engine'>,
  interpolant: Interpolant,
  { span, y, step, last }: ReadStep<A>,
  first: State<A> = step.stages[0]!.slope!,
): DenseStep<A> {
  const slopes = [...step.stages.map(({ slope }) => slope!), last!.slope!];
  const bumps = interpolant.bumps.map((d) => combineStates(engine, undefined, nonZero(d, slopes)));
  return { span, start: y, end: step.y, first, last: last!.slope!, bumps };
}

/** Weights of what a step holds, those of the slopes times h, as terms of a sum. */
function weighed<A>(
  { start, end, first, last, bumps }: InterpolantWeights,
  step: DenseStep<A>,
): readonly Term<State<A>>[] {
  const h = sizeOf(step.span);
  return [
    { coefficient: start, value: step.start },
    { coefficient: end, value: step.end },
    { coefficient: h * first, value: step.first },
    { coefficient: h * last, value: step.last },
    ...step.bumps.map((value, m) => ({ coefficient: h * bumps[m]!, value })),
  ];
}

/** The state at x of a step: a new one, also at its ends. */
export function stateAt<A>(
  { engine }: Pick<Memory<A>, 'engine'>,
  interpolant: Interpolant,
  step: DenseStep<A>,
  x: number,
): State<A> {
  if (x === 0 || x === 1)
    return combineStates(engine, undefined, [{ coefficient: 1, value: x === 0 ? step.start : step.end }]);
  const { start, end, first, last, bumps } = interpolant.weights(x);
  const base = combineStates(engine, undefined, nonZero([start, end], [step.start, step.end]));
  const terms = nonZero([first, last, ...bumps], [step.first, step.last, ...step.bumps]);
  const state = combineStates(engine, base, terms, sizeOf(step.span));
  for (const part of base) engine.release(part);
  return state;
}

/** dy/dt of the interpolant at x. */
export function rateAt<A>(
  { engine }: Pick<Memory<A>, 'engine'>,
  interpolant: Interpolant,
  step: DenseStep<A>,
  x: number,
): State<A> {
  const terms = weighed(rateWeights(interpolant, step.span, x), step).filter(
    ({ coefficient }) => coefficient !== 0,
  );
  return combineStates(engine, undefined, terms);
}

/** The weights of dy/dt, as `weights` are those of y. */
export function rateWeights(interpolant: Interpolant, span: Span, x: number): InterpolantWeights {
  const { start, end, first, last, bumps } = interpolant.rates(x);
  const h = sizeOf(span);
  return {
    start: start / h,
    end: end / h,
    first: first / h,
    last: last / h,
    bumps: bumps.map((weight) => weight / h),
  };
}

/** The states at some times within a step; at its end the one that is there. */
export function readStates<A>(
  memory: Pick<Memory<A>, 'engine'>,
  interpolant: Interpolant,
  read: ReadStep<A>,
  times: readonly number[],
): readonly State<A>[] {
  const { span, step } = read;
  if (times.every((t) => t === span.t1)) return times.map(() => step.y);
  const dense = denseStep(memory, interpolant, read);
  return times.map((t) =>
    t === span.t1 ? step.y : stateAt(memory, interpolant, dense, fractionOf(span, t)),
  );
}

/** Whether some of the times are neither the start of the step nor its end. */
const isBetween = ({ t0, t1 }: Span, times: readonly number[]): boolean =>
  times.some((t) => t !== t0 && t !== t1);

/** Rows of the states at some times within a step, one below the other: row `rows[i]` of the state at `times[i]`. */
export function readRows<A>(
  memory: Pick<Memory<A>, 'engine'>,
  interpolant: Interpolant,
  read: ReadStep<A>,
  times: readonly number[],
  { rows, count }: { readonly rows: readonly number[]; readonly count: number },
): State<A> {
  const { span, y, step } = read;
  const to = times.map((_, i) => i);
  const mix = (terms: readonly { readonly value: State<A>; readonly coefficients: readonly number[] }[]) =>
    y.map((_, part) =>
      memory.engine.mixRows!(
        times.length,
        terms.map(({ value, coefficients }) => ({
          value: value[part]!,
          rows: count,
          from: rows,
          to,
          coefficients,
        })),
      ),
    );
  // The slope at the end is there only where something is read between the ends; rows may begin where the solve does.
  if (!isBetween(span, times)) {
    const at = (end: number, value: State<A>) =>
      times.includes(end) ? [{ value, coefficients: times.map((t) => Number(t === end)) }] : [];
    return mix([...at(span.t1, step.y), ...(span.t0 === span.t1 ? [] : at(span.t0, y))]);
  }
  const dense = denseStep(memory, interpolant, read);
  const weights = times.map((t) => weighed(interpolant.weights(fractionOf(span, t)), dense));
  return mix(
    weights[0]!.map(({ value }, k) => ({
      value,
      coefficients: weights.map((terms) => terms[k]!.coefficient),
    })),
  );
}

/** The terms whose coefficient is not zero; the first where all are. */
export function nonZero<A>(
  coefficients: readonly number[],
  values: readonly State<A>[],
): readonly Term<State<A>>[] {
  const terms = values.map((value, i) => ({ coefficient: coefficients[i]!, value }));
  const own = terms.filter(({ coefficient }) => coefficient !== 0);
  return own.length > 0 ? own : terms.slice(0, 1);
}
