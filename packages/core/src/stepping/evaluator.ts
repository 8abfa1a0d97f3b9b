import { countEvaluations } from '../memory/ledger.ts';
import type { Memory } from '../memory/memory.ts';
import { stageTime } from '../solver/span.ts';
import type { Problem } from '../types/problem.ts';
import type { StageEvaluator } from '../types/solver.ts';

/** What is made of evaluations: slopes alone, activations too, or slopes of which only points for f are made. */
export type Evaluations = 'slopes' | 'activations' | 'points';

/** Evaluates stages of the problem's field; counts each evaluation. */
export function stageEvaluator<A>(
  { field }: Pick<Problem<A>, 'field'>,
  memory: Memory<A>,
  made: Evaluations,
): StageEvaluator<A> {
  const { read = field } = field;
  return {
    engine: memory.engine,
    at(span, node, y, inner = false) {
      const t = stageTime(span, node);
      countEvaluations(memory.ledger, 1);
      if (made !== 'activations') {
        const slope = memory.adoptState((inner || made === 'points' ? read : field).evaluate(t, y));
        return { t, y, slope };
      }
      const linearization = memory.adoptLinearization((inner ? read : field).linearize(t, y));
      return { t, y, slope: linearization.value, linearization };
    },
  };
}
