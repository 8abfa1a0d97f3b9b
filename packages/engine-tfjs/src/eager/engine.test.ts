import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { describeEngine } from '@odegrad/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { tensorEngine } from './engine.ts';

setWasmPaths(
  new URL('../../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url).pathname,
);

/** The cpu backend under a name that tensorEngine does not know: what it does where only kernels may be used. */
function registerUnknownBackend(): void {
  if (tf.findBackendFactory('unknown') as unknown) return;
  tf.copyRegisteredKernels('cpu', 'unknown');
  tf.registerBackend('unknown', tf.findBackendFactory('cpu'));
}

for (const backend of ['cpu', 'wasm', 'unknown']) {
  describeEngine<tf.Tensor>({
    name: `tfjs on ${backend}`,
    async create() {
      registerUnknownBackend();
      expect(await tf.setBackend(backend)).toBe(true);
      return tensorEngine;
    },
    make: (values, shape) => tf.tensor([...values], [...shape], 'float32'),
    read: (x) => x.dataSync(),
    shape: (x) => x.shape,
    live: () => tf.memory().numTensors,
  });
}

describe.each(['cpu', 'wasm', 'unknown'])('arrays of the engine on %s', (backend) => {
  beforeAll(async () => {
    registerUnknownBackend();
    expect(await tf.setBackend(backend)).toBe(true);
  });

  it('outlive every tidy', () => {
    const x = tf.tensor1d([1, 2]);
    const [sum, copy, zeros] = tf.tidy(() => [
      tensorEngine.combine(x, [{ coefficient: 2, value: x }]),
      tensorEngine.combine(undefined, [{ coefficient: 1, value: x }]),
      tensorEngine.zeros(x),
    ]);
    expect([sum, copy, zeros].map((y) => [...y.dataSync()])).toEqual([
      [3, 6],
      [1, 2],
      [0, 0],
    ]);
    for (const y of [sum, copy, zeros, x]) tensorEngine.release(y);
  });

  it('may be large: blocks and thresholds have no seams', () => {
    const size = 5000;
    const [x, y] = [tf.range(0, size), tf.range(size, 0, -1)];
    const z = tensorEngine.combine(x, [
      { coefficient: 2, value: y },
      { coefficient: 1, value: y },
      { coefficient: -1, value: x },
    ]);
    expect([...z.dataSync()]).toEqual(Array.from({ length: size }, (_, i) => 3 * (size - i)));
    tf.dispose([x, y, z]);
  });

  it('may be scalars or empty', () => {
    const [s, e] = [tf.scalar(3), tf.zeros([0, 2])];
    const results = [
      tensorEngine.combine(s, [{ coefficient: 0.5, value: s }]),
      tensorEngine.combine(undefined, [{ coefficient: 0.5, value: e }]),
    ];
    expect(results.map((x) => [x.shape, ...x.dataSync()])).toEqual([[[], 4.5], [[0, 2]]]);
    expect(tensorEngine.scaledNorm(e, e, e, { rtol: 1, atol: 1 })).toBe(0);
    expect(tensorEngine.dot(e, e)).toBe(0);
    expect(tensorEngine.isFinite(e)).toBe(true);
    tf.dispose([s, e, ...results]);
  });
});
