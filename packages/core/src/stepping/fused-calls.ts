import type { Cotangents, FusedAdjoint, FusedStep, Linearization } from '../types/field.ts';
import type { Problem } from '../types/problem.ts';
import type { Solver } from '../types/solver.ts';
import type { Span } from '../types/span.ts';
import type { State } from '../types/engine.ts';

// Here, and nowhere else, is chosen between an engine's calls of one step and its calls of several.

/** The engine's whole steps, where it has them and they serve: they give no slopes, and so no time gradients. */
export function fusedStep<A>(
  { field, timeGradients }: Pick<Problem<A>, 'field' | 'timeGradients'>,
  tableau: Solver['tableau'],
): FusedStep<A> | undefined {
  return tableau && !timeGradients ? field.fuse?.(tableau) : undefined;
}

/** How an engine takes steps. */
export interface WholeAdvance<A, Made> {
  /** The most steps that one call takes. */
  readonly longest: number;
  /** Steps over `spans`, one after the other from `y`. */
  advance(spans: readonly Span[], y: State<A>): readonly Made[];
}

/** The way to the states alone. */
export function wholeAdvance<A>(fused: FusedStep<A>): WholeAdvance<A, State<A>> {
  const { several } = fused;
  return {
    longest: several?.longest ?? 1,
    advance: (spans, y) => (spans.length === 1 ? [fused.advance(spans[0]!, y)] : several!.advance(spans, y)),
  };
}

/** The way that keeps activations, where the engine has one. */
export function wholeLinearize<A>(fused: FusedStep<A>): WholeAdvance<A, Linearization<A>> | undefined {
  if (!fused.linearize) return undefined;
  const { several } = fused;
  return {
    longest: several?.linearize ? several.longest : 1,
    advance: (spans, y) =>
      spans.length === 1 ? [fused.linearize!(spans[0]!, y)] : several!.linearize!(spans, y),
  };
}

/** How an engine pulls back through steps whose activations were kept. */
interface WholePullback<A> {
  readonly longest: number;
  pullback(
    linearizations: readonly Linearization<A>[],
    cotangent: State<A>,
  ): Pick<Cotangents<A>, 'y' | 'parameters'>;
}

export function wholePullback<A>({ several }: FusedStep<A>): WholePullback<A> {
  return {
    longest: several?.pullback ? several.longest : 1,
    pullback: (linearizations, cotangent) =>
      linearizations.length === 1
        ? linearizations[0]!.pullback(cotangent, false)
        : several!.pullback!(linearizations, cotangent),
  };
}

/** How an engine pulls steps back from the states that they start from. */
export interface WholeAdjoint<A> {
  /** The most steps that one call takes. */
  readonly longest: number;
  /** Evaluations of f, of each step. */
  readonly evaluations: number;
  pullBack(spans: readonly Span[], ys: readonly State<A>[], cotangent: State<A>): FusedAdjoint<A>;
}

/** What a sweep finds of each step. */
interface Kept {
  readonly solver: Pick<Solver, 'stages'>;
  readonly retention: { readonly uniform?: 'stages' | 'activations' | undefined };
}

/** The way that serves a schedule, where the engine has one. */
export function wholeAdjoint<A>(
  { solver, retention }: Kept,
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
