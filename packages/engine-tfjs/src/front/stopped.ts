import { ArgumentError, type Failure, type FailureCode, SolveError } from '@odegrad/core';
import type { FlatEvent } from './events.ts';
import type { RaggedTimes } from './ragged-times.ts';
import type { Resolved } from './resolve-options.ts';
import type { LikeState } from './state.ts';

/** Where a solve stopped that could not go on, and the state there. */
export interface OdeStop<S> {
  readonly t: number;
  /** `[...shape]`; it lives until `dispose()`. */
  readonly y: LikeState<S>;
}

/** How a solve ended: at its last time, stopped by an event, or for what reason before. */
export type OdeStatus = 'end' | 'event' | FailureCode;

/** The same in parts. */
export interface RunStop<P> {
  readonly error: SolveError;
  readonly t: number;
  /** The caller owns it. */
  y(): P[];
}

export function stopOf<A, P>(
  failed: Failure<A> | undefined,
  leave: (y: readonly A[]) => P[],
): RunStop<P> | undefined {
  if (!failed) return undefined;
  const { error, t, y } = failed;
  // Core knows its errors by what they say they are, and makes no others here.
  if (!(error instanceof SolveError)) throw error;
  return { error, t, y: () => leave(y) };
}

/** @throws {ArgumentError} where a solve that stops before its end would have no place for what it reached. */
export function checkStops({
  method,
  saved,
  ragged,
  events,
}: Pick<Resolved, 'method' | 'saved'> & {
  readonly ragged: RaggedTimes | undefined;
  readonly events: readonly FlatEvent[];
}): void {
  const event = events.find(({ then }) => then === 'stop');
  const stops =
    method.onFailure === 'return'
      ? "`onFailure: 'return'`"
      : event && `event '${event.name}', which stops the solve,`;
  if (stops === undefined) return;
  const place =
    saved.saveAt === 'end'
      ? "`saveAt: 'end'` gives the last state alone, which would not be reached"
      : ragged && '`ts` has times by row, which end one by one';
  if (place) throw new ArgumentError(`${stops} does not go with this: ${place}. Leave one of the two out.`);
}
