import type { Proposal } from '../stepping/pace.ts';

/** The times of consecutive steps, in columns of numbers: of a million steps they are all that must be there. */
export interface StepTimes {
  readonly length: number;
  add(step: Proposal): void;
  at(index: number): Proposal;
}

/** An empty list. */
export function createStepTimes(): StepTimes {
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
    at: (index) => ({
      span: { t0: index === 0 ? start : ends[index - 1]!, t1: ends[index]! },
      moves: [isFirst(index) ? 0 : moves[index - 1]!, moves[index]!],
      interval: intervals[index]!,
      lands: landings[intervals[index]!] === index,
    }),
  };
}
