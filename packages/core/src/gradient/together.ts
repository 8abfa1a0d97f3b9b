import { outputsAt } from './repeated-times.ts';
import type { Sweep } from './work.ts';
import type { State } from '../types/engine.ts';

/** The cotangents of what is wanted at the end of step `n`. */
export function endCotangents<A>(
  { problem, trajectory }: Pick<Sweep<A>, 'problem' | 'trajectory'>,
  n: number,
  cotangents: readonly (State<A> | undefined)[],
): readonly State<A>[] {
  const { lands, interval } = trajectory.entry(n);
  if (!lands && !problem.steps) return [];
  const outputs = problem.steps ? [n + 1] : lands ? [...outputsAt(problem.ts, interval + 1)] : [];
  return outputs.flatMap((output) => {
    const cotangent = cotangents[output];
    return cotangent ? [cotangent] : [];
  });
}

/**
 * The first of the steps that are pulled back in one call with step `last`: those whose activations were kept as one, or as
 * many as the engine takes of which nothing but the state is kept, as long as no cotangent comes in between, at the end of a step or
 * within (`isReadOff`).
 */
export function firstTogether<A>(
  work: Sweep<A>,
  last: number,
  cotangents: readonly (State<A> | undefined)[],
  isReadOff: (n: number) => boolean,
): number {
  const { trajectory, plan, kernel } = work;
  const { segment } = trajectory.entry(last);
  if (segment) return last - segment.steps + 1;
  const isState = (n: number): boolean => trajectory.level(n) === 'state';
  const longest = kernel && plan.alike && isState(last) ? kernel.longest : 1;
  let first = last;
  while (first > 0 && last - first + 1 < longest && isState(first - 1) && !isReadOff(first - 1)) {
    if (endCotangents(work, first - 1, cotangents).length > 0) break;
    first -= 1;
  }
  return first;
}
