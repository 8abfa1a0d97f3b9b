import type { Sweep } from './differentiable.ts';
import type { FusedAdjoint, FusedStep, Span, State } from './types.ts';

/** How an engine pulls steps back from the states that they start from. */
export interface WholeAdjoint<A> {
  /** The most steps that one call takes. */
  readonly longest: number;
  /** Evaluations of f, of each step. */
  readonly evaluations: number;
  pullBack(spans: readonly Span[], ys: readonly State<A>[], cotangent: State<A>): FusedAdjoint<A>;
}

/** The way that serves a schedule, where the engine has one. */
export function wholeAdjoint<A>(
  { solver, retention }: Pick<Sweep<A>, 'solver' | 'retention'>,
  fused: FusedStep<A> | undefined,
): WholeAdjoint<A> | undefined {
  const { adjoint, several } = fused ?? {};
  if (adjoint) {
    return {
      longest: several?.adjoint ? several.longest : 1,
      evaluations: solver.stages,
      pullBack: (spans, ys, cotangent) =>
        spans.length === 1 ? adjoint(spans[0]!, ys[0]!, cotangent) : several!.adjoint!(spans, ys, cotangent),
    };
  }
  // With fewer activations than a schedule asks for, and more evaluations, nothing is won.
  if (retention.uniform !== 'stages' || !several?.stagedAdjoint) return undefined;
  return {
    longest: several.longest,
    evaluations: 2 * solver.stages - 1,
    pullBack: (spans, ys, cotangent) => several.stagedAdjoint!(spans, ys, cotangent),
  };
}

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
    ? fused?.several?.pullback && fused.several.longest
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
