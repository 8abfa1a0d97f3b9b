import { countEvaluations } from './ledger.ts';
import type { Memory } from './memory.ts';
import type { StageEvaluator, VectorField } from './types.ts';

/** Evaluates stages of `field`, with their activations kept where asked for; counts each evaluation. */
export function stageEvaluator<A>(
  field: VectorField<A>,
  memory: Memory<A>,
  activations: boolean,
): StageEvaluator<A> {
  return {
    engine: memory.engine,
    at(t, y) {
      countEvaluations(memory.ledger, 1);
      if (!activations) return { t, y, slope: memory.adoptState(field.evaluate(t, y)) };
      const linearization = memory.adoptLinearization(field.linearize(t, y));
      return { t, y, slope: linearization.value, linearization };
    },
    advance(tableau, stages, span, y) {
      const fused = activations ? undefined : field.fuse?.(tableau);
      if (!fused) return undefined;
      countEvaluations(memory.ledger, stages);
      return memory.adoptState(fused.advance(span, y));
    },
  };
}
