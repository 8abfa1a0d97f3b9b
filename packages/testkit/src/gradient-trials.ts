import { pi, type AdaptiveStepping, type Solver } from '@odegrad/core';
import { centralDifferences } from './differences.ts';
import {
  discreteSolution,
  moveSteps,
  tangentGradient,
  type DiscreteGradient,
  type DiscreteStep,
} from './discrete.ts';
import { neuralField, noiseVector } from './problems.ts';
import { cotangentsOf, readingsOf, type Trial } from './trial.ts';

/** The gradient of the discrete solution over `steps`, by forward differentiation. */
export function exactGradient(trial: Trial, steps: readonly DiscreteStep[]): DiscreteGradient {
  const { method, field, y0, ts, timeGradients = true } = trial;
  const gradient = tangentGradient(
    method.solver.tableau!,
    field,
    y0,
    ts,
    steps,
    cotangentsOf(trial),
    readingsOf(trial),
  );
  return timeGradients ? gradient : withoutTimes(gradient);
}

function withoutTimes({ between, ...gradient }: DiscreteGradient): DiscreteGradient {
  return {
    ...gradient,
    ts: gradient.ts.map(() => 0),
    ...(between ? { between: between.map(() => 0) } : {}),
  };
}

/** The same by central differences of the solution over the same steps, moved with the output times. */
export function differencedGradient(trial: Trial, steps: readonly DiscreteStep[]): DiscreteGradient {
  const { method, ts, timeGradients = true } = trial;
  const cotangents = cotangentsOf(trial);
  const gradient = centralDifferences((point) => {
    const moved = moveSteps(steps, ts, point.ts);
    const ys = discreteSolution(method.solver.tableau!, point.field, point.y0, moved);
    return ys.reduce((sum, y, i) => y.reduce((part, x, m) => part + x * (cotangents[i]?.[m] ?? 0), sum), 0);
  }, trial);
  return timeGradients ? gradient : { ...gradient, ts: ts.map(() => 0) };
}

/** A small network, and where it starts. */
export const neural: Pick<Trial, 'field' | 'y0'> = { field: neuralField(2, 3), y0: noiseVector(9, 2) };
export const increasing: readonly number[] = [0, 0.4, 1.1];
export const decreasing: readonly number[] = [1, 0.7, -0.2];

/** Output times some of which are the same. */
export const repeating: readonly (readonly [string, readonly number[]])[] = [
  ['repeated', [0, 0, 0.4, 0.4, 0.4, 1.1, 1.1]],
  ['repeated, decreasing', [1, 0.7, 0.7, -0.2, -0.2]],
  ['three equal', [0.3, 0.3, 0.3]],
  ['one', [0.3]],
];

/** For `describe.each`. */
export const named = (solvers: readonly Solver[]): (readonly [string, Solver])[] =>
  solvers.map((solver) => [solver.name, solver] as const);
/** Whether a solver estimates its error. */
export const isAdaptive = ({ embeddedOrder }: Solver): boolean => embeddedOrder !== undefined;
/** Adaptive steps at a tolerance. */
export const adaptive = (rtol: number, firstStep?: number): AdaptiveStepping => ({
  ...{ rtol, atol: rtol / 100, controller: pi },
  ...(firstStep === undefined ? {} : { firstStep }),
});
