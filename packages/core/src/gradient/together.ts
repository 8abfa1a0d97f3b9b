import { hasCotangentAt } from './repeated-times.ts';
import type { Sweep } from './work.ts';
import type { State } from '../types/engine.ts';

/**
 * The first of the steps that are pulled back in one call with step `last`: those whose activations were kept as one, or as
 * many as the engine takes of which nothing but the state is kept, as long as no cotangent comes in between, at the end of a step or
 * within (`isReadOff`).
 */
export function firstTogether<A>(
  { problem, trajectory, plan, kernel }: Sweep<A>,
  last: number,
  cotangents: readonly (State<A> | undefined)[],
  isReadOff: (n: number) => boolean,
): number {
  const { segment } = trajectory.entry(last);
  if (segment) return last - segment.steps + 1;
  const isState = (n: number): boolean => trajectory.level(n) === 'state';
  const longest = kernel && plan.alike && isState(last) ? kernel.longest : 1;
  let first = last;
  while (first > 0 && last - first + 1 < longest && isState(first - 1) && !isReadOff(first - 1)) {
    const before = trajectory.entry(first - 1);
    if (before.lands && hasCotangentAt(problem.ts, before.interval + 1, cotangents)) break;
    first -= 1;
  }
  return first;
}
