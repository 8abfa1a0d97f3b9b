import type { ErrorNorm } from './error-norm.ts';
import { combineStates } from '../memory/state.ts';
import type { Stage, StageEvaluator } from '../types/solver.ts';

/**
 * Size of the first attempt, positive, from the sizes of y, f and f's change along one Euler step.
 * Costs one evaluation. Source: Hairer, Nørsett & Wanner, Solving ODEs I, II.4, "Starting step size".
 */
export function firstStep<A>(
  evaluator: StageEvaluator<A>,
  first: Stage<A>,
  towards: number,
  order: number,
  errorNorm: ErrorNorm<A>,
): number {
  const { engine } = evaluator;
  const { t, y } = first;
  const slope = first.slope!;
  const norm = (x: typeof y): number => errorNorm(x, y, y);
  const length = Math.abs(towards - t);
  const [d0, d1] = [norm(y), norm(slope)];
  // A norm that is not finite (a component that is 0 with atol 0) says nothing about scale: as if there were none.
  const scale = 0.01 * (d0 / d1);
  const h0 = Math.min(length, d0 < 1e-5 || d1 < 1e-5 || !(scale > 0 && scale < Infinity) ? 1e-6 : scale);
  const signed = towards > t ? h0 : -h0;
  const probe = evaluator.at(
    { t0: t, t1: t + signed },
    1,
    combineStates(engine, y, [{ coefficient: signed, value: slope }]),
  );
  const change = combineStates(engine, probe.slope, [{ coefficient: -1, value: slope }]);
  const d2 = norm(change) / h0;
  const largest = Math.max(d1, d2);
  const h1 =
    largest <= 1e-15 || !Number.isFinite(largest)
      ? Math.max(1e-6, h0 * 1e-3)
      : (0.01 / largest) ** (1 / (order + 1));
  return Math.min(100 * h0, h1, length);
}
