import type { Memory } from '../memory/memory.ts';
import { combineStates } from '../memory/state.ts';
import { sizeOf } from '../solver/span.ts';
import type { State, Term } from '../types/engine.ts';
import type { Interpolant, InterpolantWeights } from '../types/interpolant.ts';
import type { Stage, Step } from '../types/solver.ts';
import type { Span } from '../types/span.ts';

/** Indices `from` up to `to`, not included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Which of the times between, in the direction of `span`, lie in it: after its start and up to its end. */
export function timesWithin(times: readonly number[], { t0, t1 }: Span): Range {
  const sign = Math.sign(t1 - t0);
  /** The first time after t. */
  const after = (t: number): number => {
    let [low, high] = [0, times.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sign * (times[middle]! - t) > 0) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return { from: after(t0), to: after(t1) };
}

/** Where in a step a time lies: 0 at its start, 1 at its end. */
export function fractionOf({ t0, t1 }: Span, t: number): number {
  return t === t1 ? 1 : (t - t0) / (t1 - t0);
}

/** Whether a time lies within the step, before its end. */
export function isRead(times: readonly number[], span: Span): boolean {
  if (times.length === 0) return false;
  const { from, to } = timesWithin(times, span);
  return to > from && times[from] !== span.t1;
}

/** The step that states are read off, with the slope at its end. */
export interface ReadStep<A> {
  readonly span: Span;
  readonly y: State<A>;
  readonly step: Step<A>;
  /** Absent where nothing before the end is read. */
  readonly last?: Stage<A> | undefined;
}

/** The states at some times within a step. */
export function readStates<A>(
  { engine }: Memory<A>,
  interpolant: Interpolant,
  { span, y, step, last }: ReadStep<A>,
  times: readonly number[],
): readonly State<A>[] {
  const h = sizeOf(span);
  const isInside = times.some((t) => t !== span.t1);
  if (!isInside) return times.map(() => step.y);
  const slopes = [...step.stages.map(({ slope }) => slope!), last!.slope!];
  // A bump is the same for all times of a step.
  const bumps = interpolant.bumps.map((d) => combineStates(engine, undefined, nonZero(d, slopes)));
  const state = ({ start, end, first, last: atEnd, bumps: scales }: InterpolantWeights): State<A> => {
    const base = combineStates(engine, undefined, nonZero([start, end], [y, step.y]));
    const terms = nonZero([first, atEnd, ...scales], [slopes[0]!, slopes.at(-1)!, ...bumps]);
    const read = combineStates(engine, base, terms, h);
    for (const part of base) engine.release(part);
    return read;
  };
  return times.map((t) => (t === span.t1 ? step.y : state(interpolant.weights(fractionOf(span, t)))));
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
