import type { Problem, Method, Solution } from './problem.ts';
import type { StepSizeController } from './stepping.ts';
import type { Steps } from './progress.ts';
import type { Solver } from './solver.ts';
import type { ButcherTableau } from './tableau.ts';

/** A way of computing the gradient of a solve: what is kept of the forward pass, and what is made again. */
export interface GradientStrategy {
  readonly name: string;
  /** Whether the gradient is that of the discrete solution, to rounding. */
  readonly exact: boolean;
  /** Whether `Method.maxBytes` is heeded; front ends refuse a budget where it would not be. */
  readonly keepsBudget?: boolean;
  solve<A>(problem: Problem<A>, method: Method): Solution<A>;
  /** The same, step by step, for whoever does other things in between; absent where it goes in one go alone. */
  solveBySteps?<A>(problem: Problem<A>, method: Method): Steps<A, Solution<A>>;
}

/** What an engine package registers. A front end narrows it to the functions that it understands. */
export interface EngineProvider {
  readonly name: string;
}

/** A plugin is a plain value; importing it registers nothing. */
export interface Plugin {
  readonly name: string;
  readonly tableaux?: readonly ButcherTableau[];
  readonly solvers?: readonly Solver[];
  readonly gradients?: readonly GradientStrategy[];
  readonly controllers?: readonly StepSizeController[];
  readonly engines?: readonly EngineProvider[];
}
