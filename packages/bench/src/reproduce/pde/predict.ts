import { solve } from '@odegrad/engine-tfjs';
import type { HamiltonianPde } from '@odegrad/models';
import { registry } from '../../registry.ts';
import { stateAt, type Trajectories } from './data.ts';

/** A trajectory of a learned model from a first state of the data, in doubles. */
export interface Prediction {
  readonly trajectory: Trajectories;
  /** The learned energy along it, and the mass. */
  readonly energy: Float64Array;
  readonly mass: Float64Array;
  /** Mean squared difference from the data at each time. */
  readonly error: readonly number[];
}

/** Follows the model from where row `row` of the data starts; nothing where the solve cannot go on. */
export function predict(model: HamiltonianPde, data: Trajectories, row: number): Prediction | undefined {
  const { ts, points, dx } = data;
  try {
    const solution = solve(
      (t, u) => model.field(t, u),
      { shape: [1, points] as const, data: stateAt(data, 0, row).slice() },
      ts,
      {
        registry,
        engine: 'onnx',
        dtype: 'float64',
        solver: 'dopri5',
        rtol: 1e-7,
        atol: 1e-7,
        maxSteps: 20_000,
      },
    );
    const { data: found } = solution.ys;
    const observed = model.observe(solution.ys);
    solution.dispose();
    const trajectory: Trajectories = { ts, rows: 1, points, dx, data: found };
    const error = ts.map((_, i) => {
      const [own, wanted] = [stateAt(trajectory, i, 0), stateAt(data, i, row)];
      return own.reduce((sum, v, k) => sum + (v - wanted[k]!) ** 2, 0) / points;
    });
    return { trajectory, ...observed, error };
  } catch {
    // A model that blows up is a result here.
    return undefined;
  }
}
