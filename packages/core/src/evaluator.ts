import { countEvaluations } from './ledger.ts';
import type { Memory } from './memory.ts';
import type { FusedStep, Problem, Solver, Span, StageEvaluator, State } from './types.ts';

/**
 * The engine's whole steps, where it has them and they serve: they give no slopes, and so no time gradients.
 */
export function fusedStep<A>(
  { field, timeGradients }: Problem<A>,
  tableau: Solver['tableau'],
): FusedStep<A> | undefined {
  return tableau && !timeGradients ? field.fuse?.(tableau) : undefined;
}

/** The spans that follow the one being stepped over, up to so many, where their steps may be taken with it. */
export type Upcoming = (limit: number) => readonly Span[];

/**
 * Evaluates stages of the problem's field, with their activations kept where asked for; counts each evaluation.
 * An engine that takes whole steps takes those of `upcoming` along, and has them ready when they are asked for.
 * With `pointsOnly`, nothing but points for f is made of the slopes.
 */
export function stageEvaluator<A>(
  problem: Problem<A>,
  memory: Memory<A>,
  activations: boolean,
  upcoming: Upcoming = () => [],
  pointsOnly = false,
): StageEvaluator<A> {
  const { field } = problem;
  const ready: State<A>[] = [];
  let latest: State<A> | undefined;
  const advance = (fused: FusedStep<A>, stages: number, span: Span, y: State<A>): State<A> => {
    // Whoever goes on from elsewhere has no use for them.
    if (y !== latest)
      ready.splice(0).forEach((state) => {
        memory.drop(state);
      });
    if (ready.length === 0) {
      const spans = [span, ...upcoming((fused.several?.longest ?? 1) - 1)];
      countEvaluations(memory.ledger, stages * spans.length);
      const states = spans.length > 1 ? fused.several!.advance(spans, y) : [fused.advance(span, y)];
      for (const state of states) ready.push(memory.hold(memory.adoptState(state)));
    }
    latest = ready.shift()!;
    memory.lend(latest);
    return latest;
  };
  return {
    engine: memory.engine,
    at(t, y, inner = false) {
      countEvaluations(memory.ledger, 1);
      const { read = field } = field;
      if (!activations) {
        const slope = memory.adoptState((inner || pointsOnly ? read : field).evaluate(t, y));
        return { t, y, slope };
      }
      const linearization = memory.adoptLinearization((inner ? read : field).linearize(t, y));
      return { t, y, slope: linearization.value, linearization };
    },
    fused(tableau, stages, span, y) {
      const fused = fusedStep(problem, tableau);
      if (!fused || (activations && !fused.linearize)) return undefined;
      if (!activations) return { y: advance(fused, stages, span, y), stages: [] };
      countEvaluations(memory.ledger, stages);
      const linearization = memory.adoptLinearization(fused.linearize!(span, y));
      return { y: linearization.value, stages: [], linearization };
    },
    attempt(tableau, span, first) {
      const fused = activations ? undefined : fusedStep(problem, tableau);
      if (!fused?.attempt) return undefined;
      countEvaluations(memory.ledger, tableau.b.length - 1);
      const { y, error, last } = fused.attempt(span, first.y, first.slope!);
      for (const made of [y, error, last ?? []]) memory.adoptState(made);
      return { y, stages: [first], error, ...(last ? { last: { t: span.t1, y, slope: last } } : {}) };
    },
  };
}
