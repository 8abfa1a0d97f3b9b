import * as tf from '@tensorflow/tfjs';
import type { GradientStrategy, Registry, State } from '@odegrad/core';
import type { FieldEngine, PreparedField } from '@odegrad/engine-tfjs';
import type { Loss } from '../gradients/chain.ts';
import { compareStrategies, type Comparison } from '../gradients/compare.ts';
import { thinned, type SeriesData } from '../problems/series.ts';
import type { Trained } from './session.ts';

/** Outputs that a comparison looks at, so that long series do not make it long. */
const MAX_OUTPUTS = 50;

/** Differentiates the trained model's squared error along its whole trajectory with each strategy. */
export function compareTrained<A>(
  { model, settings }: Trained,
  engine: FieldEngine<A>,
  registry: Registry,
  strategies: readonly GradientStrategy[],
): Comparison[] {
  const observed = thinned(model.observed, MAX_OUTPUTS);
  const start = model.initial();
  const f = (t: tf.Scalar, [y]: readonly tf.Tensor[]): readonly tf.Tensor[] => [model.f(t, y!)];
  const arrays: A[] = [];
  const prepared = engine.prepare({
    f,
    key: f,
    t0: observed.times[0]!,
    y0: [start],
    parameters: model.parameters,
    dtype: 'float32',
  });
  const { field } = prepared;
  try {
    const y0 = prepared.fromTensor(start);
    arrays.push(y0);
    const { solver, rtol, atol } = settings;
    return compareStrategies(
      {
        fields: [field],
        y0: [y0],
        ts: observed.times,
        loss: (ys) => squaredError(prepared, ys, observed),
      },
      {
        solver: registry.get('solver', solver),
        stepping: { rtol, atol, controller: registry.get('controller', 'pi') },
      },
      registry.get('gradient', 'backprop'),
      strategies,
      (x) => read(prepared, x),
    );
  } finally {
    for (const x of arrays) field.engine.release(x);
    start.dispose();
  }
}

function squaredError<A>(
  prepared: PreparedField<A>,
  ys: readonly State<A>[],
  { values }: SeriesData,
): Loss<A> {
  let value = 0;
  const cotangents = ys.map(([y], i) => {
    const seen = read(prepared, y!);
    const residuals = seen.map((x, column) => (column < values.length ? x - values[column]![i]! : 0));
    value += residuals.reduce((sum, r) => sum + r * r, 0);
    const tensor = tf.tensor(
      residuals.map((r) => 2 * r),
      [1, residuals.length],
    );
    try {
      return [prepared.fromTensor(tensor)];
    } finally {
      tensor.dispose();
    }
  });
  return { value, cotangents };
}

function read<A>(prepared: PreparedField<A>, x: A): Float32Array {
  const tensor = prepared.toTensor(x);
  try {
    return tensor.dataSync<'float32'>().slice();
  } finally {
    tensor.dispose();
  }
}
