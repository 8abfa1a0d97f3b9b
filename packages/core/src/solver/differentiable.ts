import type { Solver } from '../types/solver.ts';

/** A solver whose steps can be differentiated. */
export type DifferentiableSolver = Solver & Required<Pick<Solver, 'restage' | 'adjointStep'>>;

/** Whether the steps of a solver can be differentiated. */
export function isDifferentiable(solver: Solver): solver is DifferentiableSolver {
  return 'restage' in solver && 'adjointStep' in solver;
}
