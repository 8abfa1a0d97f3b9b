import type { GradientStrategy } from '@odegrad/core';
import { solve, type FieldEngine, type OdeOptions } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { registry } from '../registry.ts';
import type { WorkloadField } from './fields.ts';
import { outputTimes } from './open.ts';
import type { Check, RunSpec } from './spec.ts';

/** A value and gradient of a run, in tensors: as a program gets it that calls `solve` and `pullback`. */
export interface CalledGradient {
  readonly y0: readonly tf.Tensor[];
  readonly parameters: tf.NamedTensorMap;
  readonly loss: tf.Scalar;
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

/** Solves a run and takes the gradient of the squares' sum at its end. */
export function callRun(
  { f, y0, parameters }: WorkloadField,
  run: RunSpec,
  options: OdeOptions,
): CalledGradient {
  const ts = outputTimes(run);
  const solution = solve(f, [...y0], ts, { ...options, params: parameters });
  const { loss, cotangents } = tf.tidy(() => {
    const ends = solution.ys.map((ys) => tf.slice(ys, ts.length - 1, 1));
    return {
      loss: tf.addN<tf.Scalar>(ends.map((end) => tf.sum(tf.square(end)))),
      cotangents: ends.map((end) =>
        tf.concat([tf.zeros([ts.length - 1, ...end.shape.slice(1)]), tf.mul(2, end)]),
      ),
    };
  });
  const gradient = solution.pullback(cotangents);
  solution.dispose();
  tf.dispose(cotangents);
  return {
    ...gradient,
    loss,
    dispose: () => {
      tf.dispose([loss, [...gradient.y0], gradient.parameters]);
    },
  };
}

/** Its loss and the norms of its gradients. */
export function checkCalled({ loss, y0, parameters }: CalledGradient): Check {
  const norm = (tensors: readonly tf.Tensor[]): number =>
    Math.hypot(...tensors.map((x) => Math.sqrt(x.dataSync<'float32'>().reduce((sum, v) => sum + v * v, 0))));
  return { loss: loss.dataSync()[0]!, gnorm_y0: norm(y0), gnorm_params: norm(Object.values(parameters)) };
}
