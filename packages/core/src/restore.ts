import { fusedStep, stageEvaluator } from './evaluator.ts';
import type { Memory } from './memory.ts';
import type { Retention } from './retention.ts';
import { includes, type Level, type Made, type Trajectory } from './trajectory.ts';
import type { Method, Problem, Solver, Span, State } from './types.ts';

/** A solver whose steps can be differentiated. */
export type DifferentiableSolver = Solver & Required<Pick<Solver, 'restage' | 'adjointStep'>>;

/** Whether the steps of a solver can be differentiated. */
export function isDifferentiable(solver: Solver): solver is DifferentiableSolver {
  return 'restage' in solver && 'adjointStep' in solver;
}

/** What the backward loop works on. */
export interface Sweep<A> {
  readonly problem: Problem<A>;
  readonly method: Method;
  readonly solver: DifferentiableSolver;
  readonly memory: Memory<A>;
  readonly trajectory: Trajectory<A>;
  readonly retention: Retention;
}

/** Brings step `last` to a level at which it can be pulled back, from the nearest state that is kept. */
export function restore<A>(work: Sweep<A>, last: number): void {
  const { problem, solver, memory, trajectory, retention } = work;
  const from = trajectory.nearest(last);
  const plan = retention.restore(from, last, trajectory);
  let y = trajectory.entry(from).y!;
  for (let n = from; n <= last; n++) {
    const level = plan(n);
    const { span } = trajectory.entry(n);
    const next = memory.scope(() => {
      if (n === last) {
        trajectory.promote(n, level, y, remake(work, span, y, level));
        return undefined;
      }
      const evaluator = stageEvaluator(problem, memory, level === 'activations');
      const step = solver.step(evaluator, span, y, { error: false, stages: level === 'stages' });
      memory.ledger.extraSteps += 1;
      if (includes(level, 'state')) trajectory.promote(n, level, y, step);
      return memory.hold(step.y);
    });
    if (n > from) memory.drop(y);
    if (next) y = next;
  }
}

/** What the pullback of a step from `y` needs at `level`: its stages, or less where the engine fuses steps. */
function remake<A>({ problem, solver, memory }: Sweep<A>, span: Span, y: State<A>, level: Level): Made<A> {
  const fused = fusedStep(problem, solver.tableau);
  // It is about to be pulled back, and the engine does that from its state, holding its activations meanwhile.
  if (fused?.adjoint) return { stages: [] };
  const activations = level === 'activations';
  // Of the slopes without activations only the points of later stages are made, and there f is pulled back.
  const evaluator = stageEvaluator(problem, memory, activations, undefined, true);
  if (activations && fused?.linearize) return evaluator.fused!(solver.tableau!, solver.stages, span, y)!;
  return { stages: solver.restage(evaluator, span, y, activations ? 'all' : 'needed') };
}
