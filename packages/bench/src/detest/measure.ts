import type { Registry } from '@odegrad/core';
import { solve } from '@odegrad/engine-tfjs';
import { endOf } from './ends.ts';
import { errorOf } from './error-of.ts';
import { END, type DetestProblem } from './problem.ts';
import { stepError } from './step-error.ts';

/** Which error: of the state at the end, or the largest that one step adds. */
export type WhichError = (typeof ERRORS)[number];
export const ERRORS = ['end', 'step'] as const;

/** How far one solve is from the solution. */
export interface DetestRun {
  readonly problem: string;
  readonly title: string;
  readonly tableau: string;
  readonly tolerance: number;
  /** Whether it came to the end. */
  readonly status: 'finished' | 'max-steps' | 'failed';
  readonly of: WhichError;
  /** The largest of a component, relative to that component or to 1, over the tolerance. Absent where the solve came to no end. */
  readonly error?: number;
  /** Of f. */
  readonly evaluations: number;
  readonly accepted: number;
  readonly rejected: number;
}

/** How a problem is solved. */
export interface DetestMethod {
  readonly tableau: string;
  /** Both the relative and the absolute one. */
  readonly tolerance: number;
  /** Attempts after which a solve is given up. */
  readonly maxSteps: number;
  readonly of: WhichError;
}

/** Solves a problem in float64 by compiled steps, and compares it with the solution. */
export function measureDetest(
  problem: DetestProblem,
  { tableau, tolerance, maxSteps, of }: DetestMethod,
  registry: Registry,
): DetestRun {
  const start = problem.start.map((part) => Float64Array.from(part));
  const solution = solve(problem.f, start, [0, END], {
    registry,
    engine: 'wasm',
    solver: tableau,
    gradient: 'symplectic',
    params: [],
    rtol: tolerance,
    atol: tolerance,
    maxSteps,
    onFailure: 'return',
    saveAt: of === 'step' ? 'steps' : 'ts',
  });
  try {
    const { evaluationsForward: evaluations, accepted, rejected } = solution.stats;
    const { name, title } = problem;
    const run = { problem: name, title, tableau, tolerance, of, evaluations, accepted, rejected };
    if (solution.error)
      return { ...run, status: solution.error.code === 'max-steps' ? 'max-steps' : 'failed' };
    const error =
      of === 'step'
        ? stepError(problem, solution, registry)
        : errorOf(
            solution.ys.flatMap(({ data }) => [...data.subarray(data.length / 2)]),
            endOf(problem),
          );
    return { ...run, status: 'finished', error: error / tolerance };
  } finally {
    solution.dispose();
  }
}
