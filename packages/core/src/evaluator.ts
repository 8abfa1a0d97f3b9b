import { countEvaluations } from './ledger.ts';
import type { Memory } from './memory.ts';
import type { FusedStep, Problem, Solver, StageEvaluator } from './types.ts';

/**
 * The engine's whole steps, where it has them and they serve: they give no slopes, and so no time gradients.
 */
export function fusedStep<A>(
  { field, timeGradients }: Problem<A>,
  tableau: Solver['tableau'],
): FusedStep<A> | undefined {
  return tableau && !timeGradients ? field.fuse?.(tableau) : undefined;
}

/** Evaluates stages of the problem's field, with their activations kept where asked for; counts each evaluation. */
export function stageEvaluator<A>(
  problem: Problem<A>,
  memory: Memory<A>,
  activations: boolean,
): StageEvaluator<A> {
  const { field } = problem;
  return {
    engine: memory.engine,
    at(t, y) {
      countEvaluations(memory.ledger, 1);
      if (!activations) return { t, y, slope: memory.adoptState(field.evaluate(t, y)) };
      const linearization = memory.adoptLinearization(field.linearize(t, y));
      return { t, y, slope: linearization.value, linearization };
    },
    fused(tableau, stages, span, y) {
      const fused = fusedStep(problem, tableau);
      if (!fused || (activations && !fused.linearize)) return undefined;
      countEvaluations(memory.ledger, stages);
      if (!activations) return { y: memory.adoptState(fused.advance(span, y)), stages: [] };
      const linearization = memory.adoptLinearization(fused.linearize!(span, y));
      return { y: linearization.value, stages: [], linearization };
    },
  };
}
