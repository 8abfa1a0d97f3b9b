import * as tf from '@tensorflow/tfjs';
import { mean } from 'simple-statistics';
import { odeint, type OdeOptions } from '@odegrad/engine-tfjs';
import type { Model } from '../problems/problem.ts';
import type { SeriesData } from '../problems/series.ts';

/** The model's trajectory from its initial state, at the given times. */
export function trajectory(model: Model, times: readonly number[], ode: OdeOptions): SeriesData {
  const rows = tf.tidy(() => {
    const path = odeint(model.f, model.initial(), times, ode);
    return tf.squeeze<tf.Tensor2D>(path, [1]).arraySync();
  });
  return { times, values: model.observed.values.map((_, i) => rows.map((row) => row[i]!)) };
}

/** 1 − Σ(observed − fitted)² / Σ(observed − mean)², over all series together, each about its own mean. */
export function explainedVariance(observed: SeriesData, fitted: SeriesData): number {
  let unexplained = 0;
  let total = 0;
  observed.values.forEach((series, i) => {
    const center = mean([...series]);
    series.forEach((x, j) => {
      unexplained += (x - fitted.values[i]![j]!) ** 2;
      total += (x - center) ** 2;
    });
  });
  return 1 - unexplained / total;
}

/**
 * What a share of the variance says. Below zero it is no share: the squared error is so many times that of the mean alone.
 */
export function quality(explained: number): { readonly figure: string; readonly worse: boolean } {
  return explained < 0
    ? { figure: `${(1 - explained).toPrecision(3)} times`, worse: true }
    : { figure: `${(100 * explained).toFixed(1)} %`, worse: false };
}
