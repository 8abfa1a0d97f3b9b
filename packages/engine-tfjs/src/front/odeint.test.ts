import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { createLedger, registry, SolveError } from '@odegrad/core';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { odeint } from './odeint.ts';
import type { OdeOptions } from './options.ts';
import { isTapeOn, isolated } from '../tape/tape.ts';

setWasmPaths(
  new URL('../../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url).pathname,
);
for (const plugin of [tableaux, backprop, checkpoint, symplectic, adjoint]) registry.use(plugin);

const EXACT = ['backprop', 'checkpoint', 'recompute', 'stages', 'symplectic'];
const numbers = (x: tf.Tensor): number[] => [...x.dataSync()];

/** Largest difference relative to the largest entry of `expected`. */
function difference(actual: readonly tf.Tensor[], expected: readonly tf.Tensor[]): number {
  expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  const scale = Math.max(...expected.flatMap((x) => numbers(x).map(Math.abs)));
  expect(scale).toBeGreaterThan(0);
  const entries = expected.flatMap(numbers);
  // NaN must not pass for small.
  return Math.max(
    ...actual.flatMap(numbers).map((x, i) => Math.abs(x - entries[i]!) / scale || Number(Number.isNaN(x))),
  );
}

/** Equal steps of the classic method of order 4, written out: differentiated by nothing but TensorFlow.js' own tape. */
function rk4(
  f: (t: tf.Scalar, y: tf.Tensor) => tf.Tensor,
  y0: tf.Tensor,
  ts: tf.Tensor1D,
  numSteps: number,
): tf.Tensor {
  const at = (i: number): tf.Scalar => tf.reshape(tf.slice(ts, [i], [1]), []);
  const ys = [y0];
  for (let i = 0; i + 1 < ts.size; i++) {
    const length = tf.sub(at(i + 1), at(i));
    const h = tf.div(length, numSteps);
    let y = ys.at(-1)!;
    for (let n = 0; n < numSteps; n++) {
      const t = tf.add(at(i), tf.mul(length, n / numSteps));
      const half = tf.div(h, 2);
      const k1 = f(t as tf.Scalar, y);
      const k2 = f(tf.add(t, half), tf.add(y, tf.mul(half, k1)));
      const k3 = f(tf.add(t, half), tf.add(y, tf.mul(half, k2)));
      const k4 = f(tf.add(t, h), tf.add(y, tf.mul(h, k3)));
      y = tf.add(y, tf.mul(tf.div(h, 6), tf.add(tf.add(k1, tf.mul(2, k2)), tf.add(tf.mul(2, k3), k4))));
    }
    ys.push(y);
  }
  return tf.stack(ys);
}

describe.each(['cpu', 'wasm'])('odeint on %s', (backend) => {
  let start = 0;
  let before = 0;
  let w: tf.Variable<tf.Rank.R2>;
  let b: tf.Variable<tf.Rank.R1>;
  let y0: tf.Tensor2D;
  let weights: tf.Tensor;
  const times = [0, 0.4, 1];

  beforeAll(async () => {
    expect(await tf.setBackend(backend)).toBe(true);
  });
  beforeEach(() => {
    start = tf.memory().numTensors;
    const made = <R extends tf.Rank>(shape: tf.ShapeMap[R], seed: number): tf.Tensor<R> =>
      tf.randomNormal<R>(shape, 0, 1, 'float32', seed);
    w = tf.tidy(() => tf.variable(made<tf.Rank.R2>([3, 3], 1)));
    b = tf.tidy(() => tf.variable(made<tf.Rank.R1>([3], 2)));
    y0 = made<tf.Rank.R2>([2, 3], 3);
    weights = made<tf.Rank.R3>([3, 2, 3], 4);
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(isTapeOn()).toBe(false);
    tf.dispose([w, b, y0, weights]);
    expect(tf.memory().numTensors).toBe(start);
  });
  const alive = (): number => tf.memory().numTensors - before;

  /** Neither autonomous nor linear. */
  const f = (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
    tf.tanh(tf.add(tf.matMul(tf.sub<tf.Tensor2D>(y, t), w), tf.mul(b, tf.cos(t))));
  const loss = (ys: tf.Tensor): tf.Scalar => tf.sum(tf.mul(weights, tf.square(ys)));
  const solveWith =
    (options: OdeOptions, ts: number[] | tf.Tensor1D = times) =>
    (y: tf.Tensor): tf.Tensor =>
      odeint(f, y, ts, { numSteps: 3, ...options });
  /** Gradients with respect to y0, w and b. */
  const gradients = (solve: (y: tf.Tensor) => tf.Tensor): tf.Tensor[] =>
    tf.grads((y, _w, _b) => loss(solve(y)))([y0, w, b]);

  describe('solves', () => {
    it('forward in time and backward, y0 first, into [ts.length, ...shape]', () => {
      const y = tf.tensor([[1], [-2]]);
      for (const ts of [
        [0, 0.5, 1],
        [1, 0.2, -0.3],
      ]) {
        const ys = odeint((_, z) => tf.neg(z), y, ts, { rtol: 1e-5 });
        expect(ys.shape).toEqual([3, 2, 1]);
        const exact = ts.flatMap((t) => [1, -2].map((c) => c * Math.exp(ts[0]! - t)));
        expect(numbers(ys)).toEqual(exact.map((c) => expect.closeTo(c, 4) as number));
        expect(numbers(ys).slice(0, 2)).toEqual([1, -2]);
        ys.dispose();
      }
      y.dispose();
      expect(alive()).toBe(0);
    });

    it('as the same method written out does', () => {
      const ys = odeint(f, y0, times, { solver: 'rk4', numSteps: 3 });
      const expected = tf.tidy(() => rk4(f, y0, tf.tensor1d(times), 3));
      expect(difference([ys], [expected])).toBeLessThan(1e-6);
      tf.dispose([ys, expected]);
      expect(alive()).toBe(0);
    });

    it('leaves its result to the tidy around it, and keeps nothing outside a tape', () => {
      const ledger = createLedger();
      tf.tidy(() => {
        odeint(f, y0, times, { numSteps: 50, ledger });
        // The result alone.
        expect(alive()).toBe(1);
      });
      expect(ledger.keptStateBytesPeak + ledger.activationBytesPeak).toBe(0);
      expect(alive()).toBe(0);
    });

    it('takes typed arrays and tensors of times, and steps of a size', () => {
      const results = [
        odeint(f, y0, times, { stepSize: 0.1 }),
        odeint(f, y0, Float64Array.from(times), { stepSize: 0.1 }),
        tf.tidy(() => odeint(f, y0, tf.tensor1d(times), { stepSize: 0.1 })),
      ];
      expect(difference([results[1]!], [results[0]!])).toBe(0);
      expect(difference([results[2]!], [results[0]!])).toBeLessThan(1e-6);
      tf.dispose(results);
    });

    it('starts from a variable without changing it', () => {
      const v = tf.variable(y0);
      const values = numbers(v);
      const ys = odeint(f, v, times, { numSteps: 2 });
      expect(numbers(v)).toEqual(values);
      expect(v.isDisposed).toBe(false);
      tf.dispose([ys, v]);
    });
  });

  describe('is differentiable', () => {
    it('like the same method on the tape of TensorFlow.js', () => {
      const expected = gradients((y) => rk4(f, y, tf.tensor1d(times), 3));
      for (const gradient of EXACT) {
        const found = gradients(solveWith({ solver: 'rk4', gradient }));
        expect(difference(found, expected)).toBeLessThan(2e-6);
        tf.dispose(found);
      }
      tf.dispose(expected);
      expect(alive()).toBe(0);
    });

    it.each([
      ['euler', times],
      ['midpoint', [1, 0.3, -0.5]],
      ['bosh3', [0.001, 0.1, 1.2589254117941673]],
      ['dopri5', times],
      ['dopri8', [1, 0, -1]],
    ])('by every exact strategy the same, with equal steps of %s at %j', (solver, ts) => {
      const expected = gradients(solveWith({ solver, gradient: 'backprop' }, ts));
      for (const gradient of EXACT.slice(1)) {
        const found = gradients(solveWith({ solver, gradient }, ts));
        expect(difference(found, expected)).toBeLessThan(2e-6);
        tf.dispose(found);
      }
      tf.dispose(expected);
      expect(alive()).toBe(0);
    });

    it('with adaptive steps, and nearly so by the continuous adjoint', () => {
      const adaptive = (options: OdeOptions) => (y: tf.Tensor) => odeint(f, y, times, { ...options });
      const expected = gradients(adaptive({ gradient: 'backprop', rtol: 1e-4 }));
      for (const gradient of EXACT.slice(1)) {
        const found = gradients(adaptive({ gradient, rtol: 1e-4 }));
        expect(difference(found, expected)).toBeLessThan(2e-6);
        tf.dispose(found);
      }
      const near = gradients(adaptive({ gradient: 'adjoint', rtol: 1e-5 }));
      expect(difference(near, expected)).toBeLessThan(1e-3);
      tf.dispose([...near, ...expected]);
      expect(alive()).toBe(0);
    });

    it('in the output times where they are a tensor', () => {
      const ts = tf.tensor1d([0.1, 0.5, 1.1]);
      const both = (solve: (y: tf.Tensor, t: tf.Tensor1D) => tf.Tensor): tf.Tensor[] =>
        tf.grads((y, t) => loss(solve(y, t as tf.Tensor1D)))([y0, ts]);
      const expected = both((y, t) => rk4(f, y, t, 2));
      for (const gradient of EXACT) {
        const found = both((y, t) => odeint(f, y, t, { solver: 'rk4', numSteps: 2, gradient }));
        expect(difference(found, expected)).toBeLessThan(4e-6);
        tf.dispose(found);
      }
      tf.dispose([ts, ...expected]);
      expect(alive()).toBe(0);
    });

    it('in tf.valueAndGrads, tf.variableGrads and a tidy', () => {
      const expected = gradients(solveWith({}));
      const whole = tf.valueAndGrads((y) => loss(solveWith({})(y)))([y0]);
      const named = tf.tidy(() => tf.variableGrads(() => loss(solveWith({})(y0)), [w, b]).grads);
      expect(difference([...whole.grads, named[w.name]!, named[b.name]!], expected)).toBe(0);
      expect(whole.value.shape).toEqual([]);
      tf.dispose([...expected, whole.value, ...whole.grads, named]);
      expect(alive()).toBe(0);
    });

    it('in optimizer.minimize two hundred times, without a tensor left', () => {
      const optimizer = tf.train.adam(0.05);
      const target = tf.ones([2, 3]);
      const cost = (): tf.Scalar => {
        const ys = odeint(f, y0, [0, 1], { solver: 'midpoint', numSteps: 2 });
        return tf.losses.meanSquaredError(target, tf.reshape(tf.slice(ys, [1], [1]), [2, 3]));
      };
      const losses = Array.from({ length: 200 }, () => {
        const value = optimizer.minimize(cost, true, [w, b])!;
        const [number] = numbers(value);
        value.dispose();
        return [number!, alive()] as const;
      });
      expect(losses.at(-1)![0]).toBeLessThan(losses[0]![0] / 2);
      // The optimizer has its moments and its constants from the first step on.
      expect(losses.at(-1)![1]).toBe(losses[0]![1]);
      optimizer.dispose();
      tf.dispose(target);
    });

    it('in a variable as y0, which is no parameter for that', () => {
      const v = tf.variable(y0);
      const { value, grads } = tf.variableGrads(() => loss(solveWith({})(v)), [v, w]);
      const expected = gradients(solveWith({}));
      expect(difference([grads[v.name]!, grads[w.name]!], expected.slice(0, 2))).toBe(0);
      tf.dispose([v, value, grads, ...expected]);
      expect(alive()).toBe(0);
    });

    it('in parameters that are listed: zeros for those that f does not use, none for those left out', () => {
      const unused = tf.tidy(() => tf.variable(tf.scalar(2)));
      const params = [b, unused];
      const [gb, gone] = tf.grads((_b, _u) => loss(solveWith({ params })(y0)))(params);
      const expected = gradients(solveWith({}));
      expect(difference([gb!], [expected[2]!])).toBe(0);
      expect(numbers(gone!)).toEqual([0]);
      // isolated: TensorFlow.js leaks when a gradient throws.
      const ofOther = (): unknown => isolated(() => tf.grads((_w) => loss(solveWith({ params })(y0)))([w]));
      expect(ofOther).toThrow('Cannot compute gradient');
      tf.dispose([gb!, gone!, unused, ...expected]);
    });

    it('where f does not depend on y, or on nothing but y', () => {
      const byTime = tf.grads((y, _b) =>
        tf.sum(odeint((t, z) => tf.add(tf.zerosLike(z), tf.mul(t, b)), y, [0, 1], { numSteps: 2 })),
      )([y0, b]);
      expect(numbers(byTime[0]!)).toEqual(Array(6).fill(2));
      expect(numbers(byTime[1]!)).toEqual(Array(3).fill(expect.closeTo(1, 6)));
      const identity = tf.grad((y) =>
        tf.sum(odeint((_, z) => z, y, [0, 1], { solver: 'euler', numSteps: 1 })),
      )(y0);
      expect(numbers(identity)).toEqual(Array(6).fill(3));
      tf.dispose([...byTime, identity]);
      expect(alive()).toBe(0);
    });

    it('through several solves, one after the other and one inside the other', () => {
      const chain = gradients((y) => {
        const [first] = tf
          .split(solveWith({})(y), [1, 2])
          .slice(1)
          .map((x) => tf.slice(x, [1], [1]));
        return solveWith({})(tf.reshape(first!, [2, 3]));
      });
      const expected = gradients((y) => {
        const [first] = tf
          .split(solveWith({ gradient: 'backprop' })(y), [1, 2])
          .slice(1)
          .map((x) => tf.slice(x, [1], [1]));
        return solveWith({ gradient: 'backprop' })(tf.reshape(first!, [2, 3]));
      });
      expect(difference(chain, expected)).toBeLessThan(2e-6);
      tf.dispose([...chain, ...expected]);

      // The inner solve is z' = bz over [0, 1] by one Euler step: z(1) = (1 + b)z, so the outer f is (1 + b)y.
      const inner = (y: tf.Tensor): tf.Tensor =>
        tf.reshape(
          tf.slice(
            odeint((_, z) => tf.mul(b, z), y, [0, 1], { solver: 'euler', numSteps: 1 }),
            [1],
            [1],
          ),
          [2, 3],
        );
      const nested = tf.grads((y, _b) => loss(odeint((_, z) => inner(z), y, times, { numSteps: 2 })))([
        y0,
        b,
      ]);
      const plain = tf.grads((y, _b) =>
        loss(odeint((_, z) => tf.mul(tf.add(1, b), z), y, times, { numSteps: 2 })),
      )([y0, b]);
      expect(difference(nested, plain)).toBeLessThan(2e-6);
      tf.dispose([...nested, ...plain]);
      expect(alive()).toBe(0);
    });

    it('where f is a gradient itself, as in a Hamiltonian network', () => {
      // H(y) = Σ tanh(yw + b), so ∇H = (1 − tanh²(yw + b)) wᵀ.
      const inner = (y: tf.Tensor): tf.Tensor => tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, w), b));
      const byTape = (_: tf.Scalar, y: tf.Tensor): tf.Tensor =>
        tf.grad((z: tf.Tensor) => tf.sum(inner(z)))(y);
      const byHand = (_: tf.Scalar, y: tf.Tensor): tf.Tensor =>
        tf.matMul(tf.sub<tf.Tensor2D>(1, tf.square(inner(y))), w, false, true);
      const expected = gradients((y) => odeint(byHand, y, times, { numSteps: 3, gradient: 'backprop' }));
      for (const gradient of EXACT) {
        const found = gradients((y) => odeint(byTape, y, times, { numSteps: 3, gradient }));
        expect(difference(found, expected)).toBeLessThan(3e-6);
        tf.dispose(found);
      }
      tf.dispose(expected);
      expect(alive()).toBe(0);
    });

    it('inside a gradient that is used for its value, but not twice', () => {
      const sum = (y: tf.Tensor): tf.Scalar => tf.sum(solveWith({})(y));
      // The inner gradient is not differentiated: it is multiplied by what does not depend on it.
      const fine = tf.grad((y: tf.Tensor) => {
        tf.grad(sum)(y);
        return loss(solveWith({})(y));
      })(y0);
      const expected = gradients(solveWith({}));
      expect(difference([fine], [expected[0]!])).toBe(0);
      tf.dispose([fine, ...expected]);
      expect(alive()).toBe(0);
      expect(() => isolated(() => tf.grad((y: tf.Tensor) => tf.sum(tf.grad(sum)(y)))(y0))).toThrow(
        'second derivatives through a solve',
      );
      expect(alive()).toBe(0);
    });

    it('by a strategy that is called more than once before the tape ends', () => {
      // tf.grads of an outer function, and inside it a gradient of the same solve.
      const expected = gradients(solveWith({}));
      let inner: number[] = [];
      const outer = tf.grad((y: tf.Tensor) => {
        const ys = solveWith({})(y);
        inner = numbers(tf.grad((z: tf.Tensor) => loss(solveWith({})(z)))(y));
        return loss(ys);
      })(y0);
      expect(numbers(outer)).toEqual(numbers(expected[0]!));
      expect(inner).toEqual(numbers(expected[0]!));
      tf.dispose([outer, ...expected]);
      expect(alive()).toBe(0);
    });
  });

  describe('takes states of several parts', () => {
    const tuple = (_: tf.Scalar, [x, v]: readonly [tf.Tensor, tf.Tensor]): [tf.Tensor, tf.Tensor] => [
      v,
      tf.neg(tf.mul(b, x)),
    ];

    it('as tuples and as records, with the same results as one tensor', () => {
      const [x, v] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([0, -1, 0.5])];
      const options = { numSteps: 3 };
      const stacked = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => {
        const [p, q] = tf.unstack(y);
        return tf.stack([q!, tf.neg(tf.mul(b, p!))]);
      };
      const whole = tf.tidy(() => odeint(stacked, tf.stack([x, v]), times, options));
      const [xs, vs] = odeint(tuple, [x, v], times, options);
      const record = odeint(
        (_, { position, speed }) => ({ speed: tf.neg(tf.mul(b, position)), position: speed }),
        { position: x, speed: v },
        times,
        options,
      );
      expect(Object.keys(record)).toEqual(['position', 'speed']);
      const joined = tf.stack([xs, vs], 1);
      const joinedRecord = tf.stack([record.position, record.speed], 1);
      expect(difference([joined, joinedRecord], [whole, whole])).toBe(0);
      tf.dispose([x, v, whole, xs, vs, record, joined, joinedRecord]);
      expect(alive()).toBe(0);
    });

    it.each(EXACT)('of different shapes, differentiably, with %s', (gradient) => {
      const coupled = (
        t: tf.Scalar,
        { a, c }: { readonly a: tf.Tensor; readonly c: tf.Tensor },
      ): { a: tf.Tensor; c: tf.Tensor } => ({
        a: tf.tanh(tf.matMul(a as tf.Tensor2D, w)),
        c: tf.mul(tf.mean(a), tf.sub(c, t)),
      });
      const c0 = tf.scalar(0.5);
      const flat = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
        const a = tf.reshape(tf.slice(y, [0], [6]), [2, 3]);
        const slopes = coupled(t, { a, c: tf.reshape(tf.slice(y, [6], [1]), []) });
        return tf.concat([tf.reshape(slopes.a, [6]), tf.reshape(slopes.c, [1])]);
      };
      const found = tf.grads((a, c, _w) => {
        const ys = odeint(coupled, { a, c }, times, { numSteps: 2, gradient });
        expect([ys.a.shape, ys.c.shape]).toEqual([[3, 2, 3], [3]]);
        return tf.add(loss(ys.a), tf.sum(tf.square(ys.c)));
      })([y0, c0, w]);
      const expected = tf.grads((a, c, _w) => {
        const y = tf.concat([tf.reshape(a, [6]), tf.reshape(c, [1])]);
        const ys = odeint(flat, y, times, { numSteps: 2, gradient: 'backprop' });
        const as = tf.reshape(tf.slice(ys, [0, 0], [3, 6]), [3, 2, 3]);
        return tf.add(loss(as), tf.sum(tf.square(tf.slice(ys, [0, 6], [3, 1]))));
      })([y0, c0, w]);
      expect(difference(found, expected)).toBeLessThan(2e-6);
      tf.dispose([c0, ...found, ...expected]);
      expect(alive()).toBe(0);
    });

    it('of which the loss uses only one', () => {
      const [x, v] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([0, -1, 0.5])];
      const found = tf.grads((p, q) => tf.sum(odeint(tuple, [p, q], times, { numSteps: 2 })[1]))([x, v]);
      expect(found.flatMap(numbers).every((g) => g !== 0)).toBe(true);
      tf.dispose([x, v, ...found]);
      expect(alive()).toBe(0);
    });
  });

  describe('takes a tf.layers model as f', () => {
    it.each([
      [
        'sequential',
        (): tf.LayersModel =>
          tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [3], activation: 'tanh' })] }),
      ],
      [
        'functional',
        (): tf.LayersModel => {
          const input = tf.input({ shape: [3] });
          const output = tf.layers.dense({ units: 3, activation: 'tanh' }).apply(input) as tf.SymbolicTensor;
          return tf.model({ inputs: input, outputs: output });
        },
      ],
    ])('%s, finding its weights', (_, make) => {
      const model = make();
      before = tf.memory().numTensors;
      const { value, grads } = tf.variableGrads(() => loss(odeint(model, y0, times, { numSteps: 2 })));
      const expected = tf.variableGrads(() =>
        loss(
          odeint((_t, y) => model.apply(y) as tf.Tensor, y0, times, { numSteps: 2, gradient: 'backprop' }),
        ),
      );
      expect(Object.keys(grads)).toEqual(Object.keys(expected.grads));
      expect(Object.keys(grads)).toHaveLength(2);
      expect(difference(Object.values(grads), Object.values(expected.grads))).toBeLessThan(2e-6);
      tf.dispose([value, grads, expected.value, expected.grads]);
      expect(alive()).toBe(0);
      model.dispose();
    });
  });

  describe('leaves nothing behind', () => {
    // What lives for how long does not go by the kernels: on wasm one that keeps much and one that keeps little, all with ODEGRAD_ALL.
    const everywhere = backend === 'cpu' || Boolean(process.env['ODEGRAD_ALL']);
    const strategies = everywhere ? [...EXACT, 'adjoint'] : ['backprop', 'symplectic'];

    it.each(strategies)('under a tape whose gradient never reaches it, with %s', (gradient) => {
      const g = tf.grad((y: tf.Tensor) => {
        solveWith({ gradient })(tf.square(y));
        return tf.sum(tf.square(y));
      })(y0);
      g.dispose();
      expect(alive()).toBe(0);
      // Nor where the solve does not depend on what is differentiated.
      const h = tf.grad((y: tf.Tensor) => tf.sum(tf.mul(y, tf.slice(solveWith({ gradient })(y0), [1], [1]))))(
        y0,
      );
      h.dispose();
      expect(alive()).toBe(0);
    });

    it.each(strategies)('when f throws, wherever, with %s', (gradient) => {
      let calls = 0;
      let fail = Infinity;
      const faulty = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => {
        const slope = f(t, y);
        if (++calls === fail) throw new Error('f failed');
        return slope;
      };
      const go = (): tf.Tensor[] =>
        gradients((y) => odeint(faulty, y, times, { solver: 'bosh3', numSteps: 1, gradient }));
      tf.dispose(go());
      const total = calls;
      for (fail = 1; fail <= total; fail++) {
        calls = 0;
        expect(go).toThrow('f failed');
        expect(alive()).toBe(0);
        expect(isTapeOn()).toBe(false);
      }
      calls = 0;
      fail = 3;
      expect(() => odeint(faulty, y0, times, { numSteps: 2 })).toThrow('f failed');
      expect(alive()).toBe(0);
    });

    it.each(strategies)('after an abort on the way there and on the way back, with %s', (gradient) => {
      const run = (stop: number): number => {
        const controller = new AbortController();
        let steps = 0;
        tf.dispose(
          gradients(
            solveWith({
              gradient,
              signal: controller.signal,
              onStep() {
                if (++steps === stop) controller.abort();
              },
            }),
          ),
        );
        return steps;
      };
      const total = run(0);
      expect(alive()).toBe(0);
      let aborted = 0;
      for (let stop = 1; stop <= total; stop++) {
        try {
          run(stop);
        } catch (error) {
          expect(error).toBeInstanceOf(SolveError);
          expect((error as SolveError).code).toBe('aborted');
          aborted += 1;
        }
        expect(alive()).toBe(0);
      }
      // Only the last step has none after it.
      expect(aborted).toBeGreaterThanOrEqual(total - 2);
    });

    it('when a solve cannot go on', () => {
      const explode = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.square(y);
      for (const [options, code] of [
        [{ maxSteps: 3 }, 'max-steps'],
        [{ numSteps: 40 }, 'non-finite'],
        [{}, 'step-underflow'],
      ] as const) {
        const y = tf.scalar(1);
        for (const go of [
          () => odeint(explode, y, [0, 3], options),
          () => tf.grad((z: tf.Tensor) => tf.sum(odeint(explode, z, [0, 3], options)))(y),
        ]) {
          expect(go).toThrow(expect.objectContaining({ name: 'SolveError', code }) as Error);
        }
        y.dispose();
        expect(alive()).toBe(0);
      }
    });

    it('when the loss throws after the solve, once the dead tape is collected', async () => {
      const { setFlagsFromString } = await import('node:v8');
      const { runInNewContext } = await import('node:vm');
      setFlagsFromString('--expose_gc');
      const collect = runInNewContext('gc') as () => void;
      // solveWith saves nothing on the tape besides its own sentinel.
      const kept: number[] = [];
      expect(() =>
        tf.grad((y: tf.Tensor) => {
          odeint(f, y, [0, 1], { numSteps: 50 });
          kept.push(alive());
          throw new Error('loss failed');
        })(y0),
      ).toThrow('loss failed');
      // The states of 50 steps were kept for a way back that never came.
      expect(kept[0]).toBeGreaterThan(50);
      expect(alive()).toBeGreaterThan(50);
      // The engine holds the dead tape until the next gradient.
      tf.grad((y: tf.Tensor) => tf.sum(y))(y0).dispose();
      for (let i = 0; i < 20 && alive() > 0; i++) {
        collect();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(alive()).toBe(0);
    });
  });

  it('does not miss a variable that f reads later only', () => {
    const late = (t: tf.Scalar, y: tf.Tensor): tf.Tensor =>
      t.dataSync()[0]! < 0.5 ? tf.mul(y, b) : tf.tanh(tf.matMul(y as tf.Tensor2D, w));
    expect(() => gradients((y) => odeint(late, y, times, { numSteps: 2 }))).toThrow(
      /reads the trainable variable '\d+' at t = .*params/,
    );
    expect(alive()).toBe(0);
    const listed = gradients((y) => odeint(late, y, times, { numSteps: 2, params: [w, b] }));
    expect(listed.every((g) => numbers(g).some((x) => x !== 0))).toBe(true);
    tf.dispose(listed);
    expect(alive()).toBe(0);
  });
});
