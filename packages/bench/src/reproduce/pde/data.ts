import { solve, type OdeOptions } from '@odegrad/engine-tfjs';
import { createRandom } from '../../random.ts';
import { registry } from '../../registry.ts';
import type { Equation } from './equation.ts';

/** States of several trajectories at equally spaced times, in doubles. */
export interface Trajectories {
  readonly ts: readonly number[];
  readonly rows: number;
  readonly points: number;
  readonly dx: number;
  /** `[ts.length, rows, points]`. */
  readonly data: Float64Array;
}

/** Solves in doubles, of an order and a tolerance at which nothing is seen of the solver. */
const EXACT: OdeOptions = {
  registry,
  engine: 'onnx',
  dtype: 'float64',
  solver: 'dopri8',
  rtol: 1e-9,
  atol: 1e-9,
};

/** Trajectories from `rows` first states that `seed` decides. */
export function makeData(
  equation: Equation,
  { rows, points, outputs }: { rows: number; points: number; outputs: number },
  seed: number,
): Trajectories {
  const { length, duration } = equation;
  const dx = length / points;
  const random = createRandom(seed);
  const start = Array.from({ length: rows }, () => equation.start(random, points)).flat();
  const ts = Array.from({ length: outputs }, (_, i) => (i * duration) / (outputs - 1));
  const solution = solve(
    (_t, u) => equation.slope(u, dx),
    { shape: [rows, points] as const, data: Float64Array.from(start) },
    ts,
    EXACT,
  );
  const { data } = solution.ys;
  solution.dispose();
  return { ts, rows, points, dx, data };
}

/** One state. */
export function stateAt({ rows, points, data }: Trajectories, time: number, row: number): Float64Array {
  const from = (time * rows + row) * points;
  return data.subarray(from, from + points);
}
