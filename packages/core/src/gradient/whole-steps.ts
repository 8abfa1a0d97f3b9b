import type { Sweep } from './work.ts';
import { wholeAdjoint, wholePullback } from '../stepping/fused-calls.ts';
import type { FusedStep } from '../types/field.ts';

/**
 * The first of the steps up to `last` that an engine pulls back in one call with it: as many as it takes, as long as the
 * same is kept of each, its activations as one or its state, and no cotangent comes in between.
 */
export function wholeSteps<A>(
  work: Sweep<A>,
  fused: FusedStep<A> | undefined,
  last: number,
  hasCotangent: (output: number) => boolean,
): number {
  const { trajectory, retention } = work;
  const isLinearized = (n: number): boolean => trajectory.entry(n).linearization !== undefined;
  const isState = (n: number): boolean => trajectory.level(n) === 'state';
  const linearized = isLinearized(last);
  const longest = linearized
    ? fused && wholePullback(fused).longest
    : retention.uniform && wholeAdjoint(work, fused)?.longest;
  const alike = linearized ? isLinearized : isState;
  let first = last;
  while (first > 0 && last - first + 1 < (longest ?? 1) && alike(first - 1)) {
    const before = trajectory.entry(first - 1);
    if (before.lands && hasCotangent(before.interval + 1)) break;
    first -= 1;
  }
  return first;
}
