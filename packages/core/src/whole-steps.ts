import type { Sweep } from './restore.ts';
import type { FusedStep } from './types.ts';

/**
 * The first of the steps up to `last` that an engine pulls back in one call with it: as many as it takes, as long as
 * each is kept as its state and no cotangent comes in between.
 */
export function wholeSteps<A>(
  { trajectory, retention }: Sweep<A>,
  fused: FusedStep<A> | undefined,
  last: number,
  hasCotangent: (output: number) => boolean,
): number {
  if (!retention.uniform || !fused?.adjoint || !fused.several?.adjoint) return last;
  let first = last;
  while (first > 0 && last - first + 1 < fused.several.longest) {
    const before = trajectory.entry(first - 1);
    if (trajectory.level(first - 1) !== 'state') break;
    if (before.lands && hasCotangent(before.interval + 1)) break;
    first -= 1;
  }
  return first;
}
