import { createRegistry } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import tfjs, { odeint, odeintEvent, smoothGradients, type OdeOptions } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tangents } from './index.ts';

const registry = createRegistry();
for (const plugin of [tableaux, adjoint, backprop, checkpoint, symplectic, tfjs, onnx(), wasm()])
  registry.use(plugin);
const EXACT = ['backprop', 'checkpoint', 'recompute', 'stages', 'symplectic'];

let w: tf.Variable;
let z: tf.Variable;
let x: tf.Tensor1D;
let v: tf.Tensor1D;
let before = 0;
beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
  w = tf.variable(tf.tensor2d([0.3, -0.8, 0.5, 1.1], [2, 2]));
  z = tf.variable(tf.tensor1d([0.4, -0.9]));
  x = tf.tensor1d([0.3, 0.5]);
  v = tf.tensor1d([1, -0.4]);
});
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(async () => {
  await Promise.resolve();
  expect(tf.memory().numTensors).toBe(before);
});

type Field = (t: tf.Scalar, y: tf.Tensor, args?: tf.Tensor) => tf.Tensor;
type Solve = (f: Field, y0: tf.Tensor, args?: tf.Tensor) => tf.Tensor;

/** Two steps of the classic method of order 4 over [0, 0.6], written out: what TensorFlow.js' own tape differentiates. */
const writtenOut: Solve = (f, y0, args) => {
  const ys = [y0];
  for (const t of [0, 0.3]) {
    const y = ys.at(-1)!;
    const at = (by: number, slope: tf.Tensor): tf.Tensor =>
      f(tf.scalar(t + by), tf.add(y, tf.mul(by, slope)), args);
    const k1 = f(tf.scalar(t), y, args);
    const k2 = at(0.15, k1);
    const k3 = at(0.15, k2);
    const k4 = at(0.3, k3);
    ys.push(tf.add(y, tf.mul(0.05, tf.addN([k1, tf.mul(2, k2), tf.mul(2, k3), k4]))));
  }
  return tf.stack(ys);
};
const by =
  (options: OdeOptions<tf.Tensor>): Solve =>
  (f, y0, args) =>
    odeint<tf.Tensor, tf.Tensor>(f, y0, [0, 0.3, 0.6], {
      ...{ registry, tangents, solver: 'rk4', numSteps: 1, ...options },
      ...(args && { args }),
    });

const network: Field = (t, y) =>
  tf.mul(tf.reshape(tf.tanh(tf.matMul(tf.reshape(y, [1, 2]), w)), [2]), tf.cos(t));
const cubed = (ys: tf.Tensor): tf.Tensor => tf.sum(tf.mul(tf.square(ys), ys));
const dot = (a: tf.Tensor, b: tf.Tensor): tf.Scalar => tf.sum(tf.mul(a, b));
const square = (a: tf.Tensor): tf.Scalar => tf.sum(tf.square(a));

/** Ways to ask for derivatives of derivatives: what is differentiated are y0, a variable, a captured tensor and args. */
const routes: Record<string, (solve: Solve) => tf.Tensor | tf.Tensor[]> = {
  'a Hessian times a vector': (solve) => {
    const gradient = tf.grad((y: tf.Tensor) => cubed(solve(network, y)));
    return tf.grad((y: tf.Tensor) => dot(gradient(y), v))(x);
  },
  'a gradient penalty of variables': (solve) => {
    const gradient = tf.grad((y: tf.Tensor) => cubed(solve(network, y)));
    return tf.variableGrads(() => square(gradient(x))).grads[w.name]!;
  },
  'variableGrads of variableGrads': (solve) => {
    const gradient = (): tf.Tensor =>
      tf.variableGrads(() => cubed(solve(network, x)) as tf.Scalar).grads[w.name]!;
    return tf.variableGrads(() => square(gradient())).grads[w.name]!;
  },
  'of y0 and of what f captures, made of each other': (solve) => {
    const f =
      (p: tf.Tensor): Field =>
      (t, y) =>
        tf.mul(tf.sin(tf.add(y, t)), p);
    const loss = (y: tf.Tensor, p: tf.Tensor): tf.Tensor => cubed(solve(f(p), y));
    return tf.grads((y: tf.Tensor, p: tf.Tensor) => {
      const [dy, dp] = tf.grads(loss)([y, tf.mul(p, y)]);
      return tf.add(square(dy!), dot(dp!, y));
    })([x, v]);
  },
  'of args': (solve) => {
    const f: Field = (_t, y, k) => tf.neg(tf.mul(tf.exp(k!), tf.square(y)));
    const loss = (y: tf.Tensor, k: tf.Tensor): tf.Tensor => cubed(solve(f, y, k));
    return tf.grads((y: tf.Tensor, k: tf.Tensor) => {
      const [dy, dk] = tf.grads(loss)([y, k]);
      return tf.add(square(dy!), square(dk!));
    })([x, tf.scalar(-0.3)]);
  },
  'of a variable that is y0 and is read by f': (solve) => {
    const f: Field = (_t, y) => tf.mul(tf.sin(y), z);
    const gradient = (): tf.Tensor =>
      tf.variableGrads(() => cubed(solve(f, z)) as tf.Scalar, [z]).grads[z.name]!;
    return tf.variableGrads(() => square(gradient()), [z]).grads[z.name]!;
  },
  'a step of learning that is learned from': (solve) => {
    const f =
      (p: tf.Tensor): Field =>
      (_t, y) =>
        tf.mul(p, tf.tanh(y));
    const loss = (p: tf.Tensor): tf.Tensor => cubed(solve(f(p), x));
    return tf.grad((p: tf.Tensor) => loss(tf.sub(p, tf.mul(0.1, tf.grad(loss)(p)))))(v);
  },
  'a third derivative': (solve) => {
    const first = tf.grad((y: tf.Tensor) => cubed(solve(network, y)));
    const second = tf.grad((y: tf.Tensor) => dot(first(y), v));
    return tf.grad((y: tf.Tensor) => square(second(y)))(x);
  },
};

/** All entries of what a route gives. */
const entries = (route: string, solve: Solve): number[] =>
  tf.tidy(() => [smoothGradients(() => routes[route]!(solve))].flat().flatMap((y) => [...y.dataSync()]));

describe.each(['tfjs', 'replay', 'wasm', 'onnx'])('derivatives of derivatives of odeint on %s', (engine) => {
  it.each(Object.keys(routes))('%s', (route) => {
    const expected = entries(route, writtenOut);
    const scale = Math.max(...expected.map(Math.abs));
    expect(scale).toBeGreaterThan(0.01);
    // The strategies take turns.
    const gradient = EXACT[Object.keys(routes).indexOf(route) % EXACT.length]!;
    entries(route, by({ engine, gradient })).forEach((y, i) => {
      expect(Math.abs(y - expected[i]!)).toBeLessThan(5e-6 * scale);
    });
  });
});

describe('derivatives of derivatives of odeint', () => {
  it.each(EXACT)('are the same with every exact strategy: %s', (gradient) => {
    const route = 'a Hessian times a vector';
    const expected = entries(route, writtenOut);
    entries(route, by({ gradient })).forEach((y, i) => {
      expect(y).toBeCloseTo(expected[i]!, 5);
    });
  });

  it.each(['symplectic', 'adjoint'])(
    'of states of several parts, with steps by the error and %s',
    (gradient) => {
      // q' = p, p' = −q: L = q(T)⁴, whose Hessian is 12 q(T)² r rᵀ, r = (cos T, sin T).
      const options = { registry, tangents, gradient, rtol: { q: 1e-5, p: 1e-4 }, saveAt: 'end' } as const;
      const loss = (q: tf.Tensor, p: tf.Tensor): tf.Tensor => {
        const end = odeint((_t, s) => ({ q: s.p, p: tf.neg(s.q) }), { q, p }, [0, 1], options);
        return tf.sum(tf.square(tf.square(end.q)));
      };
      tf.tidy(() => {
        const [q, p] = [tf.scalar(0.8), tf.scalar(-0.3)];
        const [qq, pq] = tf.grads((a: tf.Tensor, b: tf.Tensor) => tf.grads(loss)([a, b])[0]!)([q, p]);
        const [c, s] = [Math.cos(1), Math.sin(1)];
        const twelve = 12 * (0.8 * c - 0.3 * s) ** 2;
        expect(qq!.dataSync()[0]).toBeCloseTo(twelve * c * c, 3);
        expect(pq!.dataSync()[0]).toBeCloseTo(twelve * s * c, 3);
      });
    },
  );

  it('of rows with times of their own', () => {
    // y = y0 exp(−t): L = Σ y³ has the diagonal Hessian 6 y0 Σ exp(−3 t).
    const ts = [
      [0, 0.5],
      [0, 1],
    ];
    const loss = (y: tf.Tensor): tf.Tensor =>
      cubed(odeint((_t, z: tf.Tensor) => tf.neg(z), y, ts, { registry, tangents, rtol: 1e-5 }));
    tf.tidy(() => {
      const y = tf.tensor2d([[0.5], [0.7]]);
      const found = tf
        .grad((z: tf.Tensor) => tf.sum(tf.grad(loss)(z)))(y)
        .dataSync();
      [0.5, 0.7].forEach((y0, i) => {
        expect(found[i]).toBeCloseTo(6 * y0 * (1 + Math.exp(-3 * ts[i]![1]!)), 3);
      });
    });
  });

  it('in a time, once the gradient to states is taken', () => {
    // ∂²/∂T ∂y0 of y0² exp(−2T) / 2 is −2 y0 exp(−2T).
    const loss = (y: tf.Tensor, ts: tf.Tensor): tf.Tensor => {
      const end = odeint((_t, z: tf.Tensor) => tf.neg(z), y, ts, {
        ...{ registry, tangents },
        rtol: 1e-5,
        saveAt: 'end',
      });
      return tf.div(square(end), 2);
    };
    tf.tidy(() => {
      const ts = tf.tensor1d([0, 1]);
      const slope = (of: tf.Tensor): tf.Tensor =>
        tf.sum(tf.grad((y: tf.Tensor) => loss(y, of))(tf.tensor1d([0.8])));
      expect(tf.grad(slope)(ts).dataSync()[1]).toBeCloseTo(-1.6 * Math.exp(-2), 3);
      const other = (y: tf.Tensor): tf.Tensor => tf.sum(tf.grad((of: tf.Tensor) => loss(y, of))(ts));
      expect(() => tf.grad(other)(tf.tensor1d([0.8]))).toThrow(
        'cannot be differentiated again: where the first derivative is to times',
      );
    });
  });

  it('go by the values that the solve began with', () => {
    const scale = tf.tidy(() => tf.variable(tf.scalar(2), false));
    const loss = (y: tf.Tensor): tf.Tensor => {
      const captured = tf.mul(scale, 1);
      const ys = tf.tidy(() =>
        odeint((_t, z: tf.Tensor) => tf.mul(captured, tf.mul(scale, z)), tf.mul(y, 1), [0, 0.1], {
          ...{ registry, tangents, solver: 'dopri5', numSteps: 2, saveAt: 'end' },
        }),
      );
      captured.dispose();
      scale.assign(tf.scalar(7));
      return square(ys);
    };
    tf.tidy(() => {
      // y = y0 exp(4 t): the second derivative of y² is 2 exp(8 t).
      const second = tf.grad((z: tf.Tensor) => tf.sum(tf.grad(loss)(z)))(tf.tensor1d([0.5]));
      expect(second.dataSync()[0]).toBeCloseTo(2 * Math.exp(0.8), 4);
    });
    scale.dispose();
  });

  it('are refused by name where they are not to be had', async () => {
    const second = (loss: (y: tf.Tensor) => tf.Tensor) => () => tf.grad(tf.grad(loss))(x);
    const options = { registry, solver: 'rk4', numSteps: 1 } as const;
    expect(second((y) => square(odeint(network, y, [0, 1], options)))).toThrow(
      'The gradient of odeint cannot be differentiated again: second derivatives through a solve take the option `tangents`, that of @odegrad/tangents',
    );
    const event = { when: (t: tf.Scalar) => tf.sub(t, 0.5) };
    const upTo = (y: tf.Tensor): tf.Tensor =>
      odeintEvent(network, y, [0, 1], { ...options, tangents, event }).y;
    expect(second((y) => square(upTo(y)))).toThrow(
      'cannot be differentiated again: second derivatives up to an event',
    );
    expect(() => odeint(network, x, [0, 1], { ...options, tangents: 3 as never })).toThrow('`tangents`');
    await Promise.resolve();
  });

  it('leave nothing where f fails, from any call on', async () => {
    let [calls, last] = [0, Infinity];
    const breaking: Field = (t, y) => {
      calls += 1;
      if (calls > last) throw new Error(`call ${calls}`);
      return network(t, y);
    };
    const take = (): tf.Tensor => {
      const loss = (y: tf.Tensor): tf.Tensor => cubed(by({ gradient: 'checkpoint' })(breaking, y));
      return tf.grad((y: tf.Tensor) => square(tf.grad(loss)(y)))(x);
    };
    tf.dispose(take());
    const all = calls;
    const start = tf.memory().numTensors;
    for (last = 0; last < all; last += 3) {
      calls = 0;
      expect(take).toThrow('call');
      await Promise.resolve();
      expect([last, tf.memory().numTensors]).toEqual([last, start]);
    }
  });
});
