import * as tf from '@tensorflow/tfjs';
import { solve, type Float64Tensor, type OdeOptions } from '@odegrad/engine-tfjs';
import { registry } from '../../registry.ts';
import type { StudiedProblem } from './problem.ts';

/** The gradient of one strategy in float32 at one tolerance, beside gradients in float64. */
export interface GradientError {
  readonly problem: string;
  readonly strategy: string;
  readonly tolerance: number;
  /** Relative to the gradient of the same steps in float64, in the 2-norm. No number where the solve could not go on. */
  readonly discrete: number;
  /** Relative to that of the equation itself: dopri8 at a tolerance of 1e-12. */
  readonly continuous: number;
  readonly steps: number;
}

/** dL/dy0 and dL/dparameters, one after the other. */
type Flat = Float64Array;

const DOUBLES: OdeOptions = { registry, engine: 'onnx', dtype: 'float64', gradient: 'stages' };

/** Errors of strategies at tolerances. */
export function gradientErrors(
  problem: StudiedProblem,
  strategies: readonly string[],
  tolerances: readonly number[],
  engine: OdeOptions['engine'],
): GradientError[] {
  const exact = inDoubles(problem, [0, problem.end], { solver: 'dopri8', rtol: 1e-12, atol: 1e-12 });
  return tolerances.flatMap((tolerance) => {
    const ode: OdeOptions = {
      registry,
      engine,
      solver: 'dopri5',
      rtol: tolerance,
      atol: tolerance,
      maxSteps: 2000,
    };
    const times = stepTimes(problem, ode);
    const discrete = times && inDoubles(problem, times, { solver: 'dopri5', numSteps: 1 });
    return strategies.map((strategy): GradientError => {
      const found = discrete && inFloats(problem, { ...ode, gradient: strategy });
      return {
        problem: problem.name,
        strategy,
        tolerance,
        discrete: found ? distance(found, discrete) : NaN,
        continuous: found ? distance(found, exact) : NaN,
        steps: times ? times.length - 1 : NaN,
      };
    });
  });
}

/** The times at which a solve in float32 had steps end; undefined where it could not go on. */
function stepTimes(problem: StudiedProblem, ode: OdeOptions): number[] | undefined {
  const times = [0];
  const start = tensorOf(problem);
  try {
    const { dispose } = solve(problem.f, start, [0, problem.end], {
      ...ode,
      params: problem.variables,
      onStep: ({ t, phase }) => {
        if (phase === 'forward') times.push(t);
      },
    });
    dispose();
    return times;
  } catch {
    return undefined;
  } finally {
    start.dispose();
  }
}

const tensorOf = ({ shape, start }: StudiedProblem): tf.Tensor2D =>
  tf.tensor2d(Float32Array.from(start), [...shape]);

function inFloats(problem: StudiedProblem, ode: OdeOptions): Flat | undefined {
  const start = tensorOf(problem);
  const options = { ...ode, params: problem.variables };
  try {
    const found = tf.tidy(() => {
      const solution = solve(problem.f, start, [0, problem.end], options);
      try {
        const end = tf.slice(solution.ys, 1);
        const { y0, parameters } = solution.pullback(tf.concat([tf.zerosLike(end), tf.mul(2, end)]));
        const parts = [y0, ...problem.variables.map(({ name }) => parameters[name]!)];
        const flat = parts.flatMap((part) => [...part.dataSync<'float32'>()]);
        tf.dispose(parts);
        return flat;
      } finally {
        solution.dispose();
      }
    });
    return Float64Array.from(found);
  } catch {
    return undefined;
  } finally {
    start.dispose();
  }
}

function inDoubles(problem: StudiedProblem, ts: readonly number[], how: OdeOptions): Flat {
  const { shape, start, variables, f } = problem;
  const solution = solve(f, { shape: [...shape] as [number, number], data: start }, ts, {
    ...DOUBLES,
    ...how,
    params: variables,
  });
  const { data } = solution.ys;
  const cotangent = new Float64Array(data.length);
  for (let i = data.length - start.length; i < data.length; i++) cotangent[i] = 2 * data[i]!;
  const { y0, parameters } = solution.pullback({ shape: solution.ys.shape, data: cotangent });
  solution.dispose();
  const parts: Float64Tensor[] = [y0, ...variables.map(({ name }) => parameters[name]!)];
  return Float64Array.from(parts.flatMap((part) => [...part.data]));
}

/** ‖x − y‖ / ‖y‖. */
function distance(x: Flat, y: Flat): number {
  let [difference, size] = [0, 0];
  for (const [i, v] of y.entries()) {
    difference += (x[i]! - v) ** 2;
    size += v ** 2;
  }
  return Math.sqrt(difference / size);
}
