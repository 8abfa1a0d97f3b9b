import { createRegistry } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import tfjs, { solve, type OdeGradient } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import * as methods from '@odegrad/implicit';
import { implicitRungeKutta } from '@odegrad/implicit';
import tableaux from '@odegrad/tableaux';
import { noiseVector } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hessianVector, type HessianVectorOptions, type OdeDirection } from './index.ts';

const registry = createRegistry();
for (const plugin of [tableaux, backprop, checkpoint, symplectic, tfjs, onnx(), wasm()]) registry.use(plugin);
const EXACT = ['backprop', 'checkpoint', 'recompute', 'stages', 'resolve', 'symplectic'];

const w = tf.variable(tf.tensor2d(Float32Array.from(noiseVector(1, 8)), [2, 4]), true, 'hessian-w');
let before = 0;
beforeAll(async () => {
  await tf.setBackend('cpu');
});
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

/** A network whose weights are a variable, exactly float32, and args. */
function f(t: tf.Scalar, y: tf.Tensor, { v, a }: { v: tf.Tensor; a: tf.Tensor }): tf.Tensor {
  const z = tf.tanh(tf.matMul(tf.reshape(y, [1, 2]), w));
  return tf.reshape(tf.matMul(tf.mul(z, tf.exp(tf.mul(a, tf.sin(t)))), v), [2]);
}
const loss = (ys: tf.Tensor): tf.Tensor => tf.sum(tf.add(tf.sin(ys), tf.mul(tf.square(ys), ys)));
const lossCotangent = (ys: Float64Array): Float64Array => ys.map((y) => Math.cos(y) + 3 * y * y);

const y0 = noiseVector(3, 2);
const weights = { shape: [4, 2], data: noiseVector(4, 8) };
const args = { v: weights, a: 0.6 };
type Doubles = typeof weights;
const ts = [0, 0.4, 1.1];
type Direction = OdeDirection<Float64Array, typeof args>;
const directionOf = (seed: number): Direction => ({
  y0: noiseVector(seed, 2),
  parameters: { [w.name]: noiseVector(seed + 1, 8) },
  args: { v: { shape: [4, 2], data: noiseVector(seed + 2, 8) }, a: noiseVector(seed + 3, 1)[0]! },
});
const [u, v] = [directionOf(30), directionOf(40)];

const entriesOf = (gradient: OdeGradient<Float64Array, typeof args>): number[] => [
  ...gradient.y0.data,
  ...gradient.parameters[w.name]!.data,
  ...gradient.args.v.data,
  ...gradient.args.a.data,
];
const alongOf = ({ y0: start, parameters, args: more }: Direction): number[] => [
  ...(start as Float64Array),
  ...(parameters![w.name] as Float64Array),
  ...(more!.v as Doubles).data,
  more!.a as number,
];
const dot = (x: readonly number[], y: readonly number[]): number =>
  x.reduce((sum, xi, i) => sum + xi * y[i]!, 0);

describe.each(['wasm', 'onnx'])('hessianVector in doubles on %s', (engine) => {
  const fixed = { registry, engine, solver: 'dopri5', numSteps: 3 } as const;

  it.each(EXACT)('is symmetric to 1e-12, the same with every exact strategy: %s', (gradient) => {
    const times = (direction: Direction): number[] =>
      entriesOf(hessianVector(f, y0, ts, { ...fixed, gradient, args, loss, direction }));
    const [hu, hv] = [times(u), times(v)];
    const [one, other] = [dot(alongOf(u), hv), dot(alongOf(v), hu)];
    expect(Math.abs(one - other)).toBeLessThan(1e-12 * Math.abs(one));
    expect(Math.abs(one)).toBeGreaterThan(0.1);
    const plain = entriesOf(hessianVector(f, y0, ts, { ...fixed, args, loss, direction: v }));
    hv.forEach((x, i) => {
      expect(x).toBeCloseTo(plain[i]!, 12);
    });
  });

  it('is the derivative of the gradient, by differences of it', () => {
    // The variable holds float32, so it stands still here; args and y0 move.
    const direction: Direction = { y0: u.y0, args: u.args };
    const { y0: start, args: more } = direction as { y0: Float64Array; args: { v: Doubles; a: number } };
    const gradient = (by: number): number[] => {
      const moved = {
        v: { shape: [4, 2], data: args.v.data.map((x, i) => x + by * more.v.data[i]!) },
        a: args.a + by * more.a,
      };
      const solution = solve(
        f,
        y0.map((x, i) => x + by * start[i]!),
        ts,
        { ...fixed, args: moved },
      );
      const { data, shape } = solution.ys;
      const found = entriesOf(solution.pullback({ shape, data: lossCotangent(data) }));
      solution.dispose();
      return found;
    };
    const eps = 1e-5;
    const [up, down] = [gradient(eps), gradient(-eps)];
    const found = entriesOf(hessianVector(f, y0, ts, { ...fixed, args, loss, direction }));
    found.forEach((x, i) => {
      expect(x).toBeCloseTo((up[i]! - down[i]!) / (2 * eps), 7);
    });
  });

  it('is symmetric with steps chosen by the error, which are those of the solution', () => {
    const options = { registry, engine, solver: 'bosh3', rtol: 1e-4, args, loss } as const;
    const [hu, hv] = [u, v].map((direction) =>
      entriesOf(hessianVector(f, y0, ts, { ...options, direction })),
    );
    const [one, other] = [dot(alongOf(u), hv!), dot(alongOf(v), hu!)];
    expect(Math.abs(one - other)).toBeLessThan(1e-12 * Math.abs(one));
  });

  it.each([
    ['trbdf2', { rtol: 1e-4 }],
    ['kvaerno5', { rtol: 1e-4 }],
    ['radau5', { numSteps: 2 }],
  ] as const)('is symmetric with the implicit %s, as far as its stages are solved', (name, steps) => {
    const solver = implicitRungeKutta(methods[name], { residual: 0 });
    const options = { registry, engine, solver, ...steps, args, loss } as const;
    const [hu, hv] = [u, v].map((direction) =>
      entriesOf(hessianVector(f, y0, ts, { ...options, direction })),
    );
    const [one, other] = [dot(alongOf(u), hv!), dot(alongOf(v), hu!)];
    expect(Math.abs(one - other)).toBeLessThan(1e-10 * Math.abs(one));
  });

  it('is the Hessian of a linear equation, in closed form', () => {
    // y = y0 exp(a t), L = y(T)² / 2.
    const decay = (_t: tf.Scalar, y: tf.Tensor, a: tf.Tensor): tf.Tensor => tf.mul(a, y);
    const [start, a, T] = [1.3, -0.4, 2];
    const [y, half] = [
      Float64Array.of(start),
      (ys: tf.Tensor): tf.Tensor => tf.div(tf.sum(tf.square(ys)), 2),
    ];
    const options = {
      registry,
      engine,
      solver: 'dopri8',
      rtol: 1e-12,
      atol: 1e-12,
      saveAt: 'end',
      args: a,
      loss: half,
    } as const;
    const columns = [{ y0: Float64Array.of(1) }, { args: 1 }].map((direction) => {
      const product = hessianVector(decay, y, [0, T], { ...options, direction });
      return [product.y0.data[0]!, product.args.data[0]!];
    });
    const e = Math.exp(2 * a * T);
    const wanted = [
      [e, 2 * T * start * e],
      [2 * T * start * e, 2 * T * T * start * start * e],
    ];
    columns.forEach((column, j) => {
      column.forEach((x, i) => {
        expect(x).toBeCloseTo(wanted[j]![i]!, 10);
      });
    });
  });

  it('is the Hessian of a rotation, in closed form: of two parts', () => {
    // q' = p, p' = −k q: L = q(T)² / 2 has ∂²L/∂y0² = r rᵀ with r = (cos ωT, sin(ωT) / ω).
    const oscillator = (
      _t: tf.Scalar,
      s: { q: tf.Tensor; p: tf.Tensor },
    ): { q: tf.Tensor; p: tf.Tensor } => ({
      q: s.p,
      p: tf.mul(-4, s.q),
    });
    const start = { q: Float64Array.of(0.7), p: Float64Array.of(-0.2) };
    const r = [Math.cos(3), Math.sin(3) / 2];
    const options = { registry, engine, solver: 'dopri8', rtol: 1e-12, atol: 1e-12, saveAt: 'end' } as const;
    [0, 1].forEach((j) => {
      const product = hessianVector(oscillator, start, [0, 1.5], {
        ...options,
        loss: ({ q }) => tf.div(tf.sum(tf.square(q)), 2),
        direction: { y0: { q: Float64Array.of(j === 0 ? 1 : 0), p: Float64Array.of(j) } },
      });
      expect(product.y0.q.data[0]).toBeCloseTo(r[0]! * r[j]!, 10);
      expect(product.y0.p.data[0]).toBeCloseTo(r[1]! * r[j]!, 10);
    });
  });
});

describe.each(['tfjs', 'replay', 'wasm', 'onnx'])('hessianVector of tensors on %s', (engine) => {
  it('agrees with that in doubles to rounding, and leaves its product alone', () => {
    const exact = entriesOf(
      hessianVector(f, y0, ts, {
        registry,
        engine: 'wasm',
        solver: 'rk4',
        numSteps: 2,
        args,
        loss,
        direction: u,
      }),
    );
    const tensors = tf.tidy(() => {
      const float = (x: Float64Array, shape = [x.length]): tf.Tensor =>
        tf.tensor(Float32Array.from(x), shape);
      const more = u.args as { v: Doubles; a: number };
      const alive = tf.memory().numTensors;
      const [start, v0] = [float(y0) as tf.Tensor1D, float(args.v.data, [4, 2])];
      const direction = {
        y0: float(u.y0 as Float64Array),
        parameters: { [w.name]: float(u.parameters![w.name] as Float64Array, [2, 4]) },
        args: { v: float(more.v.data, [4, 2]), a: more.a },
      };
      const product = hessianVector(f, start, ts, {
        ...{ registry, engine, solver: 'rk4', numSteps: 2, loss, direction },
        args: { v: v0, a: args.a },
      });
      expect(tf.memory().numTensors - alive).toBe(5 + 4);
      const { y0: first, parameters, args: last } = product;
      return [first, parameters[w.name]!, last.v, last.a].flatMap((x) => [...x.dataSync()]);
    });
    const scale = Math.max(...exact.map(Math.abs));
    tensors.forEach((x, i) => {
      expect(Math.abs(x - exact[i]!)).toBeLessThan(3e-6 * scale);
    });
  });
});

describe('hessianVector', () => {
  it('refuses what is no number, and leaves nothing', () => {
    const start = tf.tensor1d([1, 2]);
    const call = (more: object) => () => {
      const options = { registry, numSteps: 1, direction: { y0: start }, ...more };
      return hessianVector(
        (_t, y: tf.Tensor1D) => y,
        start,
        [0, 1],
        options as HessianVectorOptions<tf.Tensor1D>,
      );
    };
    expect(call({})).toThrow('`loss`');
    expect(call({ loss: (ys: tf.Tensor) => ys })).toThrow('`loss` must return a number');
    expect(call({ loss: (ys: tf.Tensor) => tf.sum(ys), numSteps: -1 })).toThrow('numSteps');
    start.dispose();
  });

  it('takes no part in a gradient that is being taken', () => {
    const start = tf.tensor1d([1, 2]);
    const gradient = tf.grad((x: tf.Tensor) => {
      const product = hessianVector((_t, y: tf.Tensor1D) => tf.neg(y), x as tf.Tensor1D, [0, 1], {
        ...{
          registry,
          numSteps: 1,
          saveAt: 'end',
          direction: { y0: x },
          loss: (ys) => tf.sum(tf.square(ys)),
        },
      });
      return tf.add(tf.sum(tf.square(x)), tf.mul(0, tf.sum(product.y0)));
    })(start);
    expect([...gradient.dataSync()]).toEqual([2, 4]);
    tf.dispose([gradient, start]);
  });
});
