import type { DifferentiableSolver } from '../solver/differentiable.ts';
import type { Memory } from '../memory/memory.ts';
import type { Retention } from './retention.ts';
import type { Trajectory } from './trajectory.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { State } from '../types/engine.ts';

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
