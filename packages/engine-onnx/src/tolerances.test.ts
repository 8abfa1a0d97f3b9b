import { createRegistry } from '@odegrad/core';
import { solve, type OdeOptions } from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { onnx } from './onnx.ts';

const registry = createRegistry()
  .use(tableaux)
  .use(adjoint)
  .use(symplectic)
  .use(onnx({ threads: 2 }))
  .use(wasm());

beforeAll(() => tf.setBackend('cpu'));

interface Reaction<T> {
  readonly fast: T;
  readonly slow: T;
}

/** Two species a batch, one a thousand times scarcer and faster than the other. */
const reaction = (_t: tf.Scalar, { fast, slow }: Reaction<tf.Tensor>): Reaction<tf.Tensor> => ({
  fast: tf.sub(tf.mul(0.01, slow), tf.mul(10, fast)),
  slow: tf.sub(tf.mul(100, fast), tf.mul(slow, tf.tanh(slow))),
});
const entries = { fast: [0.002, 0.001, 0, 0.004], slow: [1, 0.5, 0.25, 2] };

const runs: readonly OdeOptions[] = [
  { atol: { fast: 1e-8, slow: 1e-5 } },
  { rtol: { fast: 1e-2, slow: 1e-4 }, norm: 'max' },
  { rtol: 1e-4, atol: { fast: Infinity, slow: 1e-6 } },
  { norm: ([fast, slow]) => Math.max(2 * fast!, slow!), solver: 'bosh3' },
  { atol: { fast: 1e-8, slow: 1e-5 }, gradient: 'adjoint' },
  { rtol: 1e-5, minStep: 0.1, force: true },
];

/** Where the steps end, and the last state; all steps there and back. */
function run(dtype: 'float32' | 'float64', options: OdeOptions) {
  const ends: number[] = [];
  const all = { registry, dtype, ...options, onStep: ({ t }: { t: number }) => ends.push(t) };
  const last = (x: { dataSync(): ArrayLike<number> } | { data: ArrayLike<number> }): readonly number[] =>
    Array.from('data' in x ? x.data : x.dataSync()).slice(-4);
  return tf.tidy(() => {
    const solution =
      dtype === 'float32'
        ? solve(reaction, { fast: tf.tensor1d(entries.fast), slow: tf.tensor1d(entries.slow) }, [0, 1], all)
        : solve(
            reaction,
            { fast: Float64Array.from(entries.fast), slow: Float64Array.from(entries.slow) },
            [0, 1],
            all,
          );
    const { ys, stats } = solution;
    const cotangents =
      dtype === 'float32' ? tf.ones([2, 4]) : { shape: [2, 4], data: new Float64Array(8).fill(1) };
    solution.pullback({ fast: cotangents, slow: cotangents } as never);
    const { accepted, rejected, forced } = stats;
    const state = [...last(ys.fast), ...last(ys.slow)];
    solution.dispose();
    return { counts: { accepted, rejected, forced }, ends, state };
  });
}

describe.each(['float32', 'float64'] as const)('steps by tolerances of parts in %s', (dtype) => {
  const engines = dtype === 'float32' ? ['tfjs', 'replay', 'wasm', 'onnx'] : ['wasm', 'onnx'];
  it.each(runs)('are the same on every engine: %j', (options) => {
    const [first, ...others] = engines.map((engine) => run(dtype, { ...options, engine }));
    const near = dtype === 'float32' ? 1e-4 : 1e-9;
    for (const other of others) {
      expect(other.counts).toEqual(first!.counts);
      expect(other.ends.length).toBe(first!.ends.length);
      other.ends.forEach((t, i) => {
        expect(Math.abs(t - first!.ends[i]!)).toBeLessThan(near);
      });
      other.state.forEach((x, i) => {
        expect(Math.abs(x - first!.state[i]!)).toBeLessThan(near);
      });
    }
    expect(first!.counts.forced > 0).toBe('force' in options);
    const plain = run(dtype, { engine: engines[0], solver: options.solver, gradient: options.gradient });
    expect(plain.ends).not.toEqual(first!.ends);
  });
});
