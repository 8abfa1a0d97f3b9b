import type { Registry } from '@odegrad/core';
import { solve } from '@odegrad/engine-tfjs';
import { endOf } from './ends.ts';
import { END, type DetestProblem } from './problem.ts';

/** How far one solve is from the solution at its end. */
export interface DetestRun {
  readonly problem: string;
  readonly title: string;
  readonly tableau: string;
  readonly tolerance: number;
  /** Whether it came to the end. */
  readonly status: 'finished' | 'max-steps' | 'failed';
  /** The largest error of a component, relative to that component or to 1, over the tolerance. Absent where it came to no end. */
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
}

/** Solves a problem in float64 by compiled steps, and compares its end with the reference. */
export function measureDetest(
  problem: DetestProblem,
  { tableau, tolerance, maxSteps }: DetestMethod,
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
  });
  try {
    const { evaluationsForward: evaluations, accepted, rejected } = solution.stats;
    const { name, title } = problem;
    const run = { problem: name, title, tableau, tolerance, evaluations, accepted, rejected };
    if (solution.error)
      return { ...run, status: solution.error.code === 'max-steps' ? 'max-steps' : 'failed' };
    const end = solution.ys.flatMap(({ data }) => [...data.subarray(data.length / 2)]);
    return { ...run, status: 'finished', error: errorOf(end, endOf(problem)) / tolerance };
  } finally {
    solution.dispose();
  }
}

/** The largest error of a component, relative to that component or to 1. */
export function errorOf(y: readonly number[], exact: readonly number[]): number {
  // A comparison with NaN is to fail, so NaN counts as infinite.
  const errors = exact.map((x, i) => Math.abs(y[i]! - x) / Math.max(1, Math.abs(x)));
  return errors.reduce((most, x) => (Number.isNaN(x) ? Infinity : Math.max(most, x)), 0);
}
