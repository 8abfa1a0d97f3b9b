import { createRequire } from 'node:module';
import { createRegistry } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import tfjs, { solve, type OdeOptions } from '@odegrad/engine-tfjs';
import backprop from '@odegrad/grad-backprop';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cnf, concatSquash, logDensity, sample, stack, type Flow } from './index.ts';

const registry = createRegistry().use(tableaux).use(backprop).use(symplectic).use(tfjs).use(onnx());
const compiled: OdeOptions = { registry, engine: 'onnx', solver: 'dopri5', rtol: 1e-5, atol: 1e-6 };
const rk4: OdeOptions = { registry, engine: 'onnx', solver: 'rk4', numSteps: 20 };

let before = 0;
beforeAll(async () => {
  await tf.setBackend('cpu');
  before = tf.memory().numTensors;
});
afterAll(() => {
  expect(tf.memory().numTensors).toBe(before);
});

const points = (rows: number, dimension: number): tf.Tensor2D =>
  tf.randomUniform([rows, dimension], -1.5, 1.5, 'float32', 7);

describe('concatSquash', () => {
  it('opens its gates by time', () => {
    const layer = concatSquash({ inputs: 2, outputs: 3 });
    const [weight, bias, gate, gateBias, shift] = layer.variables.map((v) => Array.from(v.dataSync()));
    const t = 0.7;
    const y = tf.tidy(() => layer.apply(tf.scalar(t), tf.tensor2d([[2, -1]])).dataSync());
    for (const j of [0, 1, 2]) {
      const affine = 2 * weight![j]! - weight![3 + j]! + bias![j]!;
      const open = 1 / (1 + Math.exp(-(t * gate![j]! + gateBias![j]!)));
      expect(y[j]).toBeCloseTo(affine * open + t * shift![j]!, 5);
    }
    tf.dispose(layer.variables);
  });
});

describe('cnf', () => {
  it('has a density that integrates to one', () => {
    const flow = stack([1, 2].map((seed) => cnf({ dimension: 2, hidden: [16], seed })));
    const [n, side] = [81, 8];
    const h = (2 * side) / (n - 1);
    const grid = Array.from({ length: n * n }, (_, k) => [
      -side + h * (k % n),
      -side + h * Math.floor(k / n),
    ]);
    const mass = tf.tidy(() => {
      const density = tf.exp(logDensity(flow, tf.tensor2d(grid), { ode: compiled }));
      return h * h * tf.sum(density).dataSync()[0]!;
    });
    expect(mass).toBeCloseTo(1, 3);
    tf.dispose(flow.variables);
  });

  it('has the determinant of the Jacobian of its own map, in doubles', () => {
    const flow = cnf({ dimension: 2, hidden: [8], seed: 3 });
    const x = [0.3, -0.8];
    const at = (point: readonly number[]): readonly [Float64Array, Float64Array] => {
      const start = [{ shape: [1, 2], data: Float64Array.from(point) }, new Float64Array(1)] as const;
      const solution = solve(flow.field() as never, start, [0, 1], {
        registry,
        engine: 'onnx',
        dtype: 'float64',
        solver: 'dopri8',
        rtol: 1e-11,
        atol: 1e-11,
      });
      const [z, delta] = solution.ys.map(({ data }) => data) as [Float64Array, Float64Array];
      solution.dispose();
      return [z.slice(2), delta.slice(1)];
    };
    const eps = 1e-5;
    const columns = [0, 1].map((j) => {
      const [up, down] = [1, -1].map((sign) => at(x.map((v, k) => (k === j ? v + sign * eps : v)))[0]);
      return [0, 1].map((i) => (up![i]! - down![i]!) / (2 * eps));
    });
    const determinant = columns[0]![0]! * columns[1]![1]! - columns[1]![0]! * columns[0]![1]!;
    expect(-at(x)[1][0]!).toBeCloseTo(Math.log(determinant), 8);
    tf.dispose(flow.variables);
  });

  it('estimates the trace without bias', () => {
    const exact = cnf({ dimension: 4, hidden: [12], trace: 'exact', seed: 5 });
    const x = points(8, 4);
    tf.tidy(() => {
      const [, wanted] = exact.field()(tf.scalar(0.2), [x, tf.zeros([8])]);
      // All 16 vectors of signs: their mean is the expectation.
      const estimates = Array.from({ length: 16 }, (_, k) => {
        const signs = Array.from({ length: 4 }, (_, j) => ((k >> j) & 1 ? 1 : -1));
        const noise = tf.tile(tf.tensor2d([signs]), [8, 1]);
        return exact.field(noise)(tf.scalar(0.2), [x, tf.zeros([8])])[1];
      });
      const spread = tf.moments(tf.stack(estimates), 0);
      expect(tf.max(spread.variance).dataSync()[0]).toBeGreaterThan(1e-4);
      expect(tf.max(tf.abs(tf.sub(spread.mean, wanted))).dataSync()[0]).toBeLessThan(1e-6);
    });
    tf.dispose([x, ...exact.variables]);
  });

  it('brings samples back to where they came from', () => {
    const flow = stack(
      [1, 2, 3].map((seed) => cnf({ dimension: 3, hidden: [16], trace: 'hutchinson', seed })),
    );
    tf.tidy(() => {
      const x = sample(flow, 32, { seed: 11, ode: compiled });
      const { z } = flow.toBase(x, { ode: compiled });
      const wanted = tf.randomNormal([32, 3], 0, 1, 'float32', 11);
      expect(tf.max(tf.abs(tf.sub(z, wanted))).dataSync()[0]).toBeLessThan(1e-3);
      const again = sample(flow, 32, { seed: 11, ode: compiled });
      expect(tf.max(tf.abs(tf.sub(x, again))).dataSync()[0]).toBe(0);
    });
    tf.dispose(flow.variables);
  });

  it('draws noise by its seed, another one for each component of a stack', () => {
    const flow = cnf({ dimension: 4, hidden: [8], seed: 2 });
    const two = stack([flow, flow]);
    const x = points(16, 4);
    tf.tidy(() => {
      const density = (noise: number): number[] =>
        Array.from(logDensity(two, x, { noise, ode: rk4 }).dataSync());
      expect(density(1)).toEqual(density(1));
      expect(density(1)).not.toEqual(density(2));
    });
    tf.dispose([x, ...flow.variables]);
  });

  it.each([undefined, 'noise'])('has the gradient that central differences give in doubles (%s)', (kind) => {
    const flow = cnf({ dimension: 2, hidden: [6], seed: 4 });
    const noise = kind
      ? tf.tensor2d([
          [1, -1],
          [-1, -1],
        ])
      : undefined;
    const f = flow.field(noise) as never;
    const options: OdeOptions = {
      registry,
      engine: 'onnx',
      dtype: 'float64',
      solver: 'rk4',
      numSteps: 4,
      params: flow.variables,
    };
    const start = [
      { shape: [2, 2], data: Float64Array.of(0.5, -0.25, 1, 0.75) },
      new Float64Array(2),
    ] as const;
    // −log p but for constants: Σ z²/2 + δ.
    const loss = ([z, delta]: readonly { data: Float64Array }[]): number =>
      z!.data.slice(4).reduce((sum, v) => sum + (v * v) / 2, 0) + delta!.data[2]! + delta!.data[3]!;
    const value = (): number => {
      const solution = solve(f, start, [0, 1], options);
      const result = loss(solution.ys);
      solution.dispose();
      return result;
    };
    const solution = solve(f, start, [0, 1], options);
    const z = solution.ys[0].data;
    const { parameters } = solution.pullback([
      Float64Array.of(0, 0, 0, 0, ...z.slice(4)),
      Float64Array.of(0, 0, 1, 1),
    ] as never) as { parameters: Record<string, { data: Float64Array }> };
    solution.dispose();
    const eps = 2 ** -10;
    for (const variable of flow.variables) {
      const held = Float32Array.from(variable.dataSync<'float32'>());
      const moved = (sign: number): number => {
        const next = held.slice();
        next[0]! += sign * eps;
        tf.tidy(() => variable.assign(tf.tensor(next, variable.shape)));
        const result = value();
        tf.tidy(() => variable.assign(tf.tensor(held, variable.shape)));
        return result;
      };
      const width = Math.fround(held[0]! + eps) - Math.fround(held[0]! - eps);
      const difference = (moved(1) - moved(-1)) / width;
      expect(parameters[variable.name]!.data[0]).toBeCloseTo(difference, 5);
    }
    tf.dispose([noise ?? [], flow.variables] as never);
  });

  it('trains, with the same gradient by every exact strategy', () => {
    const flow = stack([1, 2].map((seed) => cnf({ dimension: 2, hidden: [16], seed })));
    const x = tf.tidy(() => tf.add<tf.Tensor2D>(tf.mul(points(64, 2), 0.2), 1));
    const gradient = (name: string): Float32Array[] =>
      tf.tidy(() => {
        const { grads } = tf.variableGrads(() =>
          tf.neg(tf.mean(logDensity(flow, x, { ode: { ...rk4, gradient: name } }))),
        );
        return flow.variables.map(({ name: key }) => Float32Array.from(grads[key]!.dataSync<'float32'>()));
      });
    const [one, other] = [gradient('backprop'), gradient('symplectic')];
    one.flat().forEach((g, i) => {
      for (const [k, v] of g.entries()) expect(other[i]![k]).toBeCloseTo(v, 4);
    });
    const optimizer = tf.train.adam(0.02);
    const losses = Array.from({ length: 25 }, () =>
      tf.tidy(
        () =>
          optimizer
            .minimize(() => tf.neg<tf.Scalar>(tf.mean(logDensity(flow, x, { ode: rk4 }))), true)!
            .dataSync()[0]!,
      ),
    );
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5);
    optimizer.dispose();
    tf.dispose([x, ...flow.variables]);
  });

  it('is compiled once for all components of a stack', () => {
    // Sessions of ONNX Runtime, one for each program that it compiles.
    const { binding } = createRequire(import.meta.url)('onnxruntime-node/dist/binding.js') as {
      binding: { InferenceSession: new () => object };
    };
    const { InferenceSession } = binding;
    let made = 0;
    binding.InferenceSession = new Proxy(InferenceSession, {
      construct: (target) => {
        made += 1;
        return new target();
      },
    });
    const flows = [1, 2, 3, 4].map((seed) => cnf({ dimension: 5, hidden: [7], seed }));
    const x = points(6, 5);
    const fresh: OdeOptions = { ...rk4, engine: onnx().engines![0]! };
    const gradient = (flow: Flow): void => {
      tf.tidy(() => void tf.variableGrads(() => tf.mean(logDensity(flow, x, { ode: fresh }))));
    };
    gradient(flows[0]!);
    const once = made;
    expect(once).toBeGreaterThan(0);
    gradient(stack(flows));
    expect(made).toBe(once);
    binding.InferenceSession = InferenceSession;
    tf.dispose([x, ...flows.flatMap(({ variables }) => variables)]);
  });

  it('refuses sizes that make no sense', () => {
    expect(() => cnf({ dimension: 0 })).toThrow(/sizes from 1 on, not 0/);
    expect(() => cnf({ dimension: 2, time: -1 })).toThrow(/positive time, not -1/);
    expect(() => stack([])).toThrow(/a flow at least/);
    const flow = cnf({ dimension: 2, hidden: [4] });
    const x = tf.zeros<tf.Rank.R2>([2, 3]);
    expect(() => logDensity(flow, x)).toThrow(/x is \[2, 3\], but the flow takes \[rows, 2\]/);
    tf.dispose([x, ...flow.variables]);
  });
});
