import { createRegistry } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import tfjs, { solve, type Float64Tensor, type OdeOptions } from '@odegrad/engine-tfjs';
import backprop from '@odegrad/grad-backprop';
import symplectic from '@odegrad/grad-symplectic';
import implicit from '@odegrad/implicit';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hamiltonianPde } from './index.ts';

const registry = createRegistry()
  .use(tableaux)
  .use(symplectic)
  .use(backprop)
  .use(implicit)
  .use(tfjs)
  .use(onnx());
const doubles: OdeOptions = { registry, engine: 'onnx', dtype: 'float64' };
const [points, length] = [16, 4];
const wave: Float64Tensor = {
  shape: [2, points],
  data: Float64Array.from(
    { length: 2 * points },
    (_, i) => Math.sin((2 * Math.PI * i) / points) + (i < points ? 0.3 : -0.1),
  ),
};

let before = 0;
beforeAll(async () => {
  await tf.setBackend('cpu');
  before = tf.memory().numTensors;
});
afterAll(() => {
  expect(tf.memory().numTensors).toBe(before);
});

/** Energies and masses along a solve, [times, rows]. */
function along(
  structure: 'kdv' | 'cahn-hilliard',
  ts: readonly number[],
  options: OdeOptions,
): { energy: Float64Array; mass: Float64Array } {
  const model = hamiltonianPde({ points, length, structure, hidden: 12, seed: 2 });
  const solution = solve((t, u) => model.field(t, u), wave, ts, { ...doubles, ...options });
  const observed = model.observe(solution.ys);
  solution.dispose();
  tf.dispose(model.variables);
  return observed;
}

it('keeps the energy of a Korteweg–de Vries equation to the order of the method, and its mass to rounding', () => {
  const drift = (numSteps: number): number => {
    const { energy, mass } = along('kdv', [0, 2], { solver: 'rk4', numSteps });
    expect(Math.abs(mass[2]! - mass[0]!)).toBeLessThan(1e-14);
    expect(Math.abs(mass[3]! - mass[1]!)).toBeLessThan(1e-14);
    return Math.abs(energy[2]! - energy[0]!);
  };
  // The energy error of rk4 is of order 4, or 5 where it is a quadratic invariant's.
  const order = Math.log2(drift(4) / drift(8));
  expect(order).toBeGreaterThan(3.7);
  expect(drift(64)).toBeLessThan(1e-8);
});

it('stays near the energy of a Korteweg–de Vries equation with a symplectic method, for as long as one likes', () => {
  const ts = Array.from({ length: 21 }, (_, i) => 5 * i);
  /** The most that the energy is off before half of the time, and after. */
  const off = (solver: 'gauss4' | 'rk4', numSteps: number): readonly [number, number] => {
    const { energy } = along('kdv', ts, { solver, numSteps });
    const errors = ts.map((_, i) => Math.abs(energy[2 * i]! - energy[0]!));
    return [Math.max(...errors.slice(0, 11)), Math.max(...errors.slice(11))];
  };
  const [before, after] = off('gauss4', 10);
  const [early, late] = off('rk4', 25); // for as many evaluations
  expect(after).toBeLessThan(1.5 * before);
  expect(late).toBeGreaterThan(1.5 * early);
});

it('has the gradient of steps that are solved for, to its weights', () => {
  const model = hamiltonianPde({ points, length, structure: 'kdv', hidden: 6, seed: 2 });
  const gradientBy = (gradient: 'symplectic' | 'backprop'): readonly Float64Array[] => {
    const solution = solve((t, u) => model.field(t, u), wave, [0, 1], {
      ...doubles,
      solver: 'gauss4',
      numSteps: 4,
      gradient,
    });
    const { y0, parameters } = solution.pullback(new Float64Array(4 * points).map((_, i) => Math.sin(i)));
    solution.dispose();
    return [y0.data, ...Object.values(parameters).map(({ data }) => data)];
  };
  const [one, other] = [gradientBy('symplectic'), gradientBy('backprop')];
  expect(one.length).toBeGreaterThan(4);
  one.forEach((x, i) => {
    const largest = Math.max(...x.map(Math.abs));
    expect(largest).toBeGreaterThan(0);
    x.forEach((entry, j) => {
      expect(Math.abs(entry - other[i]![j]!)).toBeLessThan(1e-12 * largest);
    });
  });
  tf.dispose(model.variables);
});

it('lets the energy of a Cahn–Hilliard equation fall, and keeps its mass', () => {
  const ts = Array.from({ length: 9 }, (_, i) => 0.05 * i);
  const { energy, mass } = along('cahn-hilliard', ts, { solver: 'dopri5', rtol: 1e-8, atol: 1e-10 });
  for (let i = 1; i < ts.length; i++)
    for (const row of [0, 1]) {
      expect(energy[2 * i + row]).toBeLessThan(energy[2 * (i - 1) + row]!);
      expect(Math.abs(mass[2 * i + row]! - mass[row]!)).toBeLessThan(1e-13);
    }
});

it('observes in doubles what it is in float32', () => {
  const model = hamiltonianPde({ points, length, structure: 'kdv', hidden: 12 });
  tf.tidy(() => {
    const u = tf.tensor2d(Float32Array.from(wave.data), [2, points]);
    const { energy, mass } = model.observe(u);
    const wanted = model.energy(u).dataSync();
    const sums = tf.mul(tf.sum(u, 1), model.dx).dataSync();
    for (const row of [0, 1]) {
      expect(energy[row]).toBeCloseTo(wanted[row]!, 5);
      expect(mass[row]).toBeCloseTo(sums[row]!, 5);
    }
  });
  tf.dispose(model.variables);
});

it('has the gradient that central differences give in doubles', () => {
  const model = hamiltonianPde({ points, length, structure: 'kdv', hidden: 6, seed: 3 });
  const options = { ...doubles, solver: 'rk4', numSteps: 3, params: model.variables };
  const value = (): { loss: number; gradient: Readonly<Record<string, Float64Tensor>> } => {
    const solution = solve((t, u) => model.field(t, u), wave, [0, 0.5], options);
    const end = solution.ys.data.slice(2 * points);
    const loss = end.reduce((sum, v) => sum + v * v, 0);
    const cotangent = Float64Array.from({ length: 4 * points }, (_, i) =>
      i < 2 * points ? 0 : 2 * end[i - 2 * points]!,
    );
    const { parameters } = solution.pullback({ shape: [2, 2, points], data: cotangent });
    solution.dispose();
    return { loss, gradient: parameters };
  };
  const { gradient } = value();
  for (const variable of model.variables) {
    const held = Float32Array.from(variable.dataSync<'float32'>());
    const at = (by: number): { x: number; loss: number } => {
      const moved = held.slice();
      moved[0]! += by;
      tf.tidy(() => variable.assign(tf.tensor(moved, variable.shape)));
      const { loss } = value();
      tf.tidy(() => variable.assign(tf.tensor(held, variable.shape)));
      return { x: moved[0]!, loss };
    };
    const [up, down] = [at(2 ** -10), at(-(2 ** -10))];
    const difference = (up.loss - down.loss) / (up.x - down.x);
    expect(Math.abs(gradient[variable.name]!.data[0]! - difference)).toBeLessThan(
      1e-5 * (1 + Math.abs(difference)),
    );
  }
  tf.dispose(model.variables);
});

it('refuses sizes that make no sense', () => {
  expect(() => hamiltonianPde({ points: 2, length: 1, structure: 'kdv' })).toThrow(
    /3 points at least, not 2/,
  );
  expect(() => hamiltonianPde({ points: 4, length: 0, structure: 'kdv' })).toThrow(/positive distance/);
  const model = hamiltonianPde({ points, length, structure: (g) => g, hidden: 2 });
  expect(() => model.observe({ shape: [1, 3], data: new Float64Array(3) })).toThrow(
    /last axis of \[1, 3\] is not the 16 points/,
  );
  tf.dispose(model.variables);
});
