import type { GradientStrategy, Statistics } from '@odegrad/core';
import { odeint, solve, type FieldEngine, type OdeOptions } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { registry } from '../registry.ts';
import type { WorkloadField } from './fields.ts';
import { outputTimes } from './open.ts';
import type { Check, RunSpec } from './spec.ts';

/** A value and gradient of a run, in tensors: as a program gets it that calls `solve` and `pullback`. */
export interface CalledGradient {
  /** States at all output times, by part. */
  readonly ys: readonly tf.Tensor[];
  readonly y0: readonly tf.Tensor[];
  readonly parameters: tf.NamedTensorMap;
  readonly loss: tf.Scalar;
  readonly stats: Statistics;
  dispose(): void;
}

/** How a run is asked for. */
export function optionsOf(
  { solver, mode, steps, rtol, atol }: RunSpec,
  engine: FieldEngine<unknown>,
  gradient: GradientStrategy,
): OdeOptions {
  const stepping = mode === 'fixed' ? { numSteps: steps } : { rtol, atol };
  return { solver, engine, gradient, registry, ...stepping };
}

/** Solves a run, and keeps nothing for a gradient. */
export function callForward(
  { f, y0 }: WorkloadField,
  run: RunSpec,
  options: OdeOptions,
): readonly tf.Tensor[] {
  return odeint(f, [...y0], outputTimes(run), options);
}

/** Solves a run and takes the gradient of its squares' sum. */
export function callRun(
  { f, y0, parameters }: WorkloadField,
  run: RunSpec,
  options: OdeOptions,
): CalledGradient {
  const ts = outputTimes(run);
  const solution = solve(f, [...y0], ts, { ...options, params: parameters });
  const { loss, cotangents } = tf.tidy(() => ({ ...(run.loss === 'all' ? ofAll : ofLast)(solution.ys) }));
  const gradient = solution.pullback(cotangents);
  const ys = solution.ys.map((y) => tf.clone(y));
  solution.dispose();
  tf.dispose(cotangents);
  return {
    ...gradient,
    ys,
    loss,
    stats: solution.stats,
    dispose: () => {
      tf.dispose([loss, ys, [...gradient.y0], gradient.parameters]);
    },
  };
}

/** A loss and its cotangents. */
interface Valued {
  readonly loss: tf.Scalar;
  readonly cotangents: tf.Tensor[];
}

const squares = (parts: readonly tf.Tensor[]): tf.Scalar =>
  tf.addN<tf.Scalar>(parts.map((part) => tf.sum(tf.square(part))));

function ofAll(ys: readonly tf.Tensor[]): Valued {
  return { loss: squares(ys), cotangents: ys.map((part) => tf.mul(2, part)) };
}

function ofLast(ys: readonly tf.Tensor[]): Valued {
  const before = ys[0]!.shape[0] - 1;
  const ends = ys.map((part) => tf.slice(part, before, 1));
  return {
    loss: squares(ends),
    cotangents: ends.map((end) => tf.concat([tf.zeros([before, ...end.shape.slice(1)]), tf.mul(2, end)])),
  };
}

/** Its loss and the norms of its gradients. */
export function checkCalled({ loss, y0, parameters }: CalledGradient): Check {
  const norm = (tensors: readonly tf.Tensor[]): number =>
    Math.hypot(...tensors.map((x) => Math.sqrt(x.dataSync<'float32'>().reduce((sum, v) => sum + v * v, 0))));
  return { loss: loss.dataSync()[0]!, gnorm_y0: norm(y0), gnorm_params: norm(Object.values(parameters)) };
}
