import { bookTransient, countEvaluations } from '../memory/ledger.ts';
import type { Memory } from '../memory/memory.ts';
import { stageTime } from '../solver/span.ts';
import type { State } from '../types/engine.ts';
import type { FieldAtPoints } from '../types/points.ts';
import type { Linearization } from '../types/linearization.ts';
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
  const { ledger } = memory;
  const linearize = (of: FieldAtPoints<A>, t: number, y: State<A>): Linearization<A> => {
    countEvaluations(ledger, 1);
    return memory.adoptLinearization(of.linearize(t, y));
  };
  const evaluate = (of: FieldAtPoints<A>, t: number, y: State<A>): State<A> => {
    countEvaluations(ledger, 1);
    return memory.adoptState(of.evaluate(t, y));
  };
  return {
    engine: memory.engine,
    at(span, node, y, inner = false) {
      const t = stageTime(span, node);
      if (made !== 'activations')
        return { t, y, slope: evaluate(inner || made === 'points' ? read : field, t, y) };
      const linearization = linearize(inner ? read : field, t, y);
      return { t, y, slope: linearization.value, linearization };
    },
    trials: {
      evaluate: (span, node, y) => evaluate(field, stageTime(span, node), y),
      found(span, node, y, slope) {
        const t = stageTime(span, node);
        return { t, y, slope, ...(made === 'activations' && { linearization: linearize(field, t, y) }) };
      },
      differentiate: (span, node, y, use) =>
        memory.scope(() => {
          const linearization = linearize(field, stageTime(span, node), y);
          return use((cotangent) => pullBackToState(memory, linearization, cotangent));
        }),
      transient(bytes) {
        bookTransient(ledger, 0, bytes);
      },
    },
  };
}

/** The cotangent of y, and of nothing else. */
export function pullBackToState<A>(
  memory: Memory<A>,
  linearization: Linearization<A>,
  cotangent: State<A>,
): State<A> {
  memory.ledger.pullbacks += 1;
  const { y, parameters } = linearization.pullback(cotangent, false);
  memory.scope(() => memory.adoptState(parameters));
  return memory.adoptState(y);
}
