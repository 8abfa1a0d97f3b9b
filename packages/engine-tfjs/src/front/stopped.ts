import { ArgumentError, type Failure, type FailureCode, type SolveError } from '@odegrad/core';
import type { Call } from './arguments.ts';
import type { Part } from './parts.ts';
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
  // Core makes no others.
  return { error: error as SolveError, t, y: () => leave(y) };
}

/** @throws {ArgumentError} where what was reached would have no place in the solution. */
export function checkOnFailure<S, P extends Part>({
  method,
  saved,
  ragged,
}: Pick<Call<S, P>, 'method' | 'saved' | 'ragged'>): void {
  if (method.onFailure !== 'return') return;
  const odd = ragged
    ? '`ts` has times by row, which end one by one'
    : saved.saveAt === 'end'
      ? "`saveAt: 'end'` gives the state at the end alone, which is not reached then"
      : undefined;
  if (odd === undefined) return;
  throw new ArgumentError(
    `\`onFailure: 'return'\` gives the states up to where a solve stops, but ${odd}. Leave out one of the two.`,
  );
}
