import type { Proposal } from '../stepping/pace.ts';
import type { Span } from '../types/span.ts';

/** The times of consecutive steps, in columns of numbers: of a million steps they are all that must be there. */
export interface StepTimes {
  readonly length: number;
  add(step: Proposal): void;
  at(index: number): Proposal;
}

/** The span of a step as f is to see it, from its ends alone: it may begin or end beside a jump. */
export type SeenSpan = (
  span: Span,
  step: Pick<Proposal, 'interval' | 'lands'> & { readonly first: boolean },
) => Span;

/** An empty list. */
export function createStepTimes(seen: SeenSpan = (span) => span): StepTimes {
  // Where a step ends the next begins, so an end is written down once: when it is, and how far it moves.
  const ends: number[] = [];
  const moves: number[] = [];
  const intervals: number[] = [];
  const landings: number[] = [];
  let start = 0;
  const isFirst = (index: number): boolean => index === 0 || intervals[index - 1] !== intervals[index];
  return {
    get length() {
      return ends.length;
    },
    add({ span, moves: [, end], interval, lands }) {
      if (ends.length === 0) start = span.t0;
      ends.push(span.t1);
      moves.push(end);
      intervals.push(interval);
      if (lands) landings[interval] = ends.length - 1;
    },
    at(index) {
      const interval = intervals[index]!;
      const [first, lands] = [isFirst(index), landings[interval] === index];
      const span = { t0: index === 0 ? start : ends[index - 1]!, t1: ends[index]! };
      return {
        span: seen(span, { interval, lands, first }),
        moves: [first ? 0 : moves[index - 1]!, moves[index]!],
        interval,
        lands,
      };
    },
  };
}
