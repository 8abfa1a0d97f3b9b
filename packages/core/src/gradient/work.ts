import type { DifferentiableSolver } from '../solver/differentiable.ts';
import type { Memory } from '../memory/memory.ts';
import type { Plan } from './plan.ts';
import type { Stepper } from '../stepping/stepper.ts';
import type { Trajectory } from './trajectory.ts';
import type { StepKernel } from '../types/kernel.ts';
import type { Method, Problem, ReadRows } from '../types/problem.ts';
import type { State } from '../types/engine.ts';

/** What the backward loop works on. */
export interface Sweep<A> {
  readonly problem: Problem<A>;
  readonly method: Method;
  readonly solver: DifferentiableSolver;
  readonly memory: Memory<A>;
  readonly kernel: StepKernel<A> | undefined;
  readonly stepper: Stepper<A>;
  readonly trajectory: Trajectory<A>;
  readonly plan: Plan;
  /** The state at each output time. */
  readonly outputs: readonly State<A>[];
  /** The state at the end of the last step. */
  readonly end: State<A> | undefined;
  /** The rows that were read off steps. */
  readonly rows: readonly ReadRows<A>[];
}
