import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { createLedger, createRegistry } from '@odegrad/core';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { beforeAll, describe, expect, it } from 'vitest';
import { odeint } from './odeint.ts';

setWasmPaths(
  new URL('../../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url).pathname,
);
const registry = createRegistry();
for (const plugin of [tableaux, backprop, checkpoint, symplectic]) registry.use(plugin);

const BATCH = 16;
const WIDTH = 8;
const STATE = BATCH * WIDTH * 4;

interface Setting {
  readonly gradient: string;
  readonly solver: string;
  readonly steps: number;
  readonly layers: number;
}

/** One training step's gradient; peaks in units of one state. */
function measure({ gradient, solver, steps, layers }: Setting): {
  activations: number;
  kept: number;
  bytes: number;
  buffers: number;
} {
  const weights = Array.from({ length: layers }, (_, i) =>
    tf.tidy(() => tf.variable(tf.randomNormal<tf.Rank.R2>([WIDTH, WIDTH], 0, 0.5, 'float32', i))),
  );
  const y0 = tf.randomNormal([BATCH, WIDTH], 0, 1, 'float32', 99);
  const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor =>
    weights.reduce<tf.Tensor>((h, w) => tf.tanh(tf.matMul(h as tf.Tensor2D, w)), y);
  const ledger = createLedger();
  const start = tf.memory();
  let [bytes, buffers] = [0, 0];
  // Everything that TensorFlow.js counts comes by here.
  const engine = tf.engine();
  const track = engine.trackTensor.bind(engine);
  engine.trackTensor = (...args) => {
    track(...args);
    const { numBytes, numDataBuffers } = engine.state;
    bytes = Math.max(bytes, numBytes - start.numBytes);
    buffers = Math.max(buffers, numDataBuffers - start.numDataBuffers);
  };
  const options = { solver, gradient, numSteps: steps, ledger, registry };
  const { value, grads } = tf.variableGrads(() => tf.sum(odeint(f, y0, [0, 1], options)));
  Reflect.deleteProperty(engine, 'trackTensor');
  tf.dispose([value, grads, y0, ...weights]);
  expect(tf.memory().numTensors).toBe(start.numTensors - 1 - layers);
  return {
    activations: ledger.activationBytesPeak / STATE,
    kept: ledger.keptStateBytesPeak / STATE,
    bytes: bytes / STATE,
    buffers,
  };
}

const STAGES = { midpoint: 2, rk4: 4, dopri5: 6 };
/** What is counted does not go by the kernels: on wasm one of them, all with ODEGRAD_ALL. */
const solversOn = (backend: string): [string, number][] =>
  Object.entries(STAGES).filter(
    ([name]) => backend === 'cpu' || name === 'rk4' || process.env['ODEGRAD_ALL'],
  );
type Exact = 'backprop' | 'recompute' | 'checkpoint' | 'stages' | 'symplectic';

describe.each(['cpu', 'wasm'])('memory of a training step on %s, in states', (backend) => {
  beforeAll(async () => {
    expect(await tf.setBackend(backend)).toBe(true);
  });

  describe.each(solversOn(backend))('with %s', (solver, s) => {
    const measured = new Map<string, ReturnType<typeof measure>>();
    const of = (gradient: Exact, steps: number, layers: number): ReturnType<typeof measure> => {
      const key = `${gradient}, ${steps}, ${layers}`;
      const found = measured.get(key) ?? measure({ gradient, solver, steps, layers });
      measured.set(key, found);
      return found;
    };

    it.each<[Exact, (steps: number, layers: number) => number]>([
      ['backprop', (n, l) => n * s * l],
      ['recompute', (n, l) => n * s * l],
      ['checkpoint', (_, l) => s * l],
      ['stages', (_, l) => l],
      ['symplectic', (_, l) => l],
    ])('%s has the activations alive that it says', (gradient, expected) => {
      for (const [steps, layers] of [
        [4, 2],
        [8, 2],
        [8, 4],
      ] as const) {
        expect(of(gradient, steps, layers).activations).toBe(expected(steps, layers));
      }
    });

    // TensorFlow.js counts handles: a layer's tape holds its input (1), the weights (½) and the tanh (1); pulling
    // back through it makes two cotangents of states, and the weights' (½), which are added up in another (½).
    it.each<[Exact, number, number]>([
      ['backprop', 6 * s, 2.5 * 8 * s + 3],
      ['recompute', 6 * s, 2.5 * 8 * s + 3],
      ['checkpoint', 1, 2.5 * s + 3],
      ['stages', s, 5.5],
      ['symplectic', 1, 5.5],
    ])('%s grows by that much for each step and each layer, as tf.memory counts', (gradient, step, layer) => {
      const [few, many, deep, deeper] = [
        of(gradient, 8, 2),
        of(gradient, 16, 2),
        of(gradient, 8, 4),
        of(gradient, 8, 8),
      ];
      expect((many.bytes - few.bytes) / 8).toBe(step);
      expect((deeper.bytes - deep.bytes) / 4).toBe(layer);
      // Handles on the same data are no memory: in buffers there are fewer.
      expect((many.buffers - few.buffers) / 8).toBeLessThanOrEqual(step);
    });
  });
});
