import type { State } from '../types/engine.ts';

/** The outputs at the same time as output `first`, itself included, last first. */
export function* outputsAt(ts: readonly number[], first: number): Generator<number> {
  let last = first;
  while (ts[last + 1] === ts[first]) last += 1;
  for (let i = last; i >= first; i--) yield i;
}

/** Whether the outputs at the time of output `first` have a cotangent. */
export function hasCotangentAt<A>(
  ts: readonly number[],
  first: number,
  cotangents: readonly (State<A> | undefined)[],
): boolean {
  for (const i of outputsAt(ts, first)) if (cotangents[i] !== undefined) return true;
  return false;
}
