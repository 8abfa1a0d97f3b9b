import type { Presentation } from '../problems/problem.ts';
import type { SeriesData } from '../problems/series.ts';

/** What was observed and what was fitted, in the units of the data. */
export interface Fit {
  readonly presentation: Presentation;
  readonly observed: SeriesData;
  /** The fitted trajectory at times close to one another. */
  readonly curve: SeriesData;
}

/** How large circles are drawn: many of them small. */
export function dotSize(count: number): number {
  return count > 200 ? 8 : 45;
}
