import { createRegistry } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import tfjs, { type OdeOptions } from '@odegrad/engine-tfjs';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { latentOde } from './index.ts';

const registry = createRegistry().use(tableaux).use(symplectic).use(tfjs).use(onnx());
const ode: OdeOptions = { registry, engine: 'onnx', solver: 'rk4', numSteps: 2 };
// Times as they come: irregular.
const ts = [0, 0.3, 0.35, 1];
const series = (): tf.Tensor3D =>
  tf.tensor3d([0, 1, 2].map((row) => ts.map((t) => [Math.sin(3 * t + row), Math.cos(3 * t + row)])));

let before = 0;
beforeAll(async () => {
  await tf.setBackend('cpu');
  before = tf.memory().numTensors;
});
afterAll(() => {
  expect(tf.memory().numTensors).toBe(before);
});

it('encodes and decodes series', () => {
  const model = latentOde({ dimension: 2, latent: 3, hidden: 8 });
  tf.tidy(() => {
    const { mean, logVariance } = model.encode(ts, series());
    expect([mean.shape, logVariance.shape]).toEqual([
      [3, 3],
      [3, 3],
    ]);
    expect(model.decode(mean, [...ts, 2], ode).shape).toEqual([3, 5, 2]);
  });
  tf.dispose(model.variables);
});

it('bounds the likelihood by what its parts say', () => {
  const model = latentOde({ dimension: 2, latent: 3, hidden: 8, deviation: 0.5 });
  tf.tidy(() => {
    const xs = series();
    const noise = tf.randomNormal([3, 3], 0, 1, 'float32', 5);
    const posterior = model.encode(ts, xs);
    const [center, logVariance, draws] = [posterior.mean, posterior.logVariance, noise].map(
      (x) => x.arraySync() as number[][],
    ) as [number[][], number[][], number[][]];
    const z = center.map((row, i) =>
      row.map((m, j) => m + Math.exp(logVariance[i]![j]! / 2) * draws[i]![j]!),
    );
    const decoded = model.decode(tf.tensor2d(z), ts, ode).arraySync();
    const rows = xs.arraySync().map((observations, i) => {
      let bound = 0;
      for (const [k, observation] of observations.entries())
        for (const [d, x] of observation.entries())
          bound -= ((x - decoded[i]![k]![d]!) / 0.5) ** 2 / 2 + Math.log(0.5 * Math.sqrt(2 * Math.PI));
      for (const [j, m] of center[i]!.entries()) {
        const v = logVariance[i]![j]!;
        bound -= (m * m + Math.exp(v) - v - 1) / 2;
      }
      return bound;
    });
    const wanted = rows.reduce((a, b) => a + b) / 3;
    expect(model.elbo(ts, xs, noise, ode).dataSync()[0]).toBeCloseTo(wanted, 3);
  });
  tf.dispose(model.variables);
});

it('has the gradient that central differences give', () => {
  const model = latentOde({ dimension: 2, latent: 2, hidden: 5, deviation: 1, seed: 3 });
  const xs = series();
  const noise = tf.randomNormal<tf.Rank.R2>([3, 2], 0, 1, 'float32', 6);
  const elbo = (): tf.Scalar => model.elbo(ts, xs, noise, ode);
  const gradients = tf.tidy(() => {
    const { grads } = tf.variableGrads(elbo);
    return model.variables.map(({ name }) => Float32Array.from(grads[name]!.dataSync<'float32'>()));
  });
  const eps = 2 ** -6;
  for (const [i, variable] of model.variables.entries()) {
    const held = Float32Array.from(variable.dataSync<'float32'>());
    const at = (by: number): number => {
      tf.tidy(() =>
        variable.assign(
          tf.tensor(
            held.map((v, k) => (k === 0 ? v + by : v)),
            variable.shape,
          ),
        ),
      );
      const value = tf.tidy(() => elbo().dataSync()[0]!);
      tf.tidy(() => variable.assign(tf.tensor(held, variable.shape)));
      return value;
    };
    const difference = (at(eps) - at(-eps)) / (2 * eps);
    // float32 of a value near 10, over 2⁻⁵.
    expect(Math.abs(gradients[i]![0]! - difference)).toBeLessThan(2e-3 * (1 + Math.abs(difference)));
  }
  tf.dispose([xs, noise, ...model.variables]);
});

it('refuses series of another shape', () => {
  const model = latentOde({ dimension: 2, latent: 2, hidden: 4 });
  const [xs, noise] = [series(), tf.zeros([3, 2])];
  expect(() => model.elbo([0, 1], xs, noise, ode)).toThrow(/\[rows, 2, 2\], not \[3, 4, 2\]/);
  expect(() => latentOde({ dimension: 1, deviation: 0 })).toThrow(/positive, not 0/);
  tf.dispose([xs, noise, ...model.variables]);
});
