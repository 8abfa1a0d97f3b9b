import type { Memory } from './memory.ts';
import type { Retention } from './retention.ts';
import type { Trajectory } from './trajectory.ts';
import type { Method, Problem, Solver, State } from './types.ts';

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
  /** The state at each output time. */
  readonly outputs: readonly State<A>[];
}
