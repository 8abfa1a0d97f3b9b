import type { Problem } from '../types/problem.ts';
import type { Span } from '../types/span.ts';

/** Indices `from` up to `to`, not included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Which of some times, in the direction of `span`, lie in it: after its start and up to its end. */
function timesWithin(times: readonly number[], { t0, t1 }: Span): Range {
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

/** The same of all steps together: what lies at the start of the first one belongs to it. */
export function timesOfStep(times: readonly number[], span: Span, index: number): Range {
  const { from, to } = timesWithin(times, span);
  return { from: index === 0 ? 0 : from, to };
}

/** Where in a step a time lies: 0 at its start, 1 at its end. */
export function fractionOf({ t0, t1 }: Span, t: number): number {
  return t === t1 ? 1 : (t - t0) / (t1 - t0);
}

/** What a solve reads off its steps. */
type Reads = Pick<Problem<never>, 'between' | 'rows' | 'dense' | 'ending'>;

/** Whether anything is read off steps. */
export const reads = ({ between = [], rows, dense = false, ending }: Reads): boolean =>
  dense || between.length > 0 || rows !== undefined || ending !== undefined;

/** Whether something is read within the step, before its end. */
export function isRead({ between = [], rows, dense = false, ending }: Reads, span: Span): boolean {
  return (
    dense ||
    ending !== undefined ||
    [between, rows?.times ?? []].some((times) => {
      const { from, to } = timesWithin(times, span);
      return to > from && times[from] !== span.t1;
    })
  );
}
