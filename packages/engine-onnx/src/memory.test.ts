import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { solve, type FlatField } from '@odegrad/engine-tfjs';
import { backprop } from '@odegrad/grad-backprop';
import { checkpoint } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import { dopri5, euler, rk4 } from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';

import { onnxEngine } from './onnx.ts';
import { onnxRuntime, type NativeSession } from './runtime/session.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage().rss;
}

/** The session, which tells when it is disposed of. */
function counting(session: NativeSession, onDispose: () => void): NativeSession {
  return new Proxy(session, {
    get(target, key: keyof NativeSession) {
      const value: unknown = target[key];
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (key === 'dispose') onDispose();
        return Reflect.apply(value, target, args);
      };
    },
  });
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test(
  'a thousand solves and gradients in a row leave the process as large as it was, in one block and in two',
  () => {
    const engines = [1, 2].map((blocks) => onnxEngine({ blocks }));
    const w = tf.variable(tf.randomUniform([16, 16], -0.3, 0.3, 'float32', 1));
    const f = (_: tf.Scalar, y: tf.Tensor2D): tf.Tensor => tf.tanh(tf.matMul(y, w as unknown as tf.Tensor2D));
    // A state that stayed behind in each solve would add up to 16 MB, one stage's activations to as much.
    const y0 = tf.ones([256, 16]);
    const cotangent = tf.ones([2, 256, 16]);
    const once = (engine: (typeof engines)[number], i: number): void => {
      const gradient = [symplectic, backprop, checkpoint][i % 3]!;
      const stepping = i % 2 === 0 ? { solver: rk4, numSteps: 4 } : { solver: dopri5, rtol: 1e-2 };
      const solution = solve(f, y0 as tf.Tensor2D, [0, 1], { engine, gradient, ...stepping });
      const pulled = solution.pullback(cotangent);
      solution.dispose();
      tf.dispose([pulled.y0, pulled.parameters]);
    };
    // The engine of JavaScript takes about two thousand to find the size of its young generation.
    for (let i = 0; i < 1200; i++) for (const engine of engines) once(engine, i);
    for (const engine of engines) {
      const [before, tensors] = [residentBytes(), tf.memory().numTensors];
      for (let i = 0; i < 1000; i++) once(engine, i);
      expect(tf.memory().numTensors).toBe(tensors);
      expect(residentBytes() / before).toBeLessThan(1.05);
    }
    tf.dispose([w, y0, cotangent]);
  },
  // Half a minute, where nothing else runs.
  300_000,
);

test('what is native goes with the functions that it was made of', async () => {
  const binding = onnxRuntime() as { InferenceSession: new () => NativeSession };
  const { InferenceSession } = binding;
  let live = 0;
  binding.InferenceSession = function open() {
    live += 1;
    return counting(new InferenceSession(), () => {
      live -= 1;
    });
  } as unknown as typeof InferenceSession;
  const engine = onnxEngine({ blocks: 1 });
  const y0 = tf.ones([4, 2]);
  for (let i = 0; i < 40; i++) {
    const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(y, i);
    const options = { engine, solver: euler, gradient: symplectic, numSteps: 1 };
    solve(f, y0, [0, 1], options).dispose();
  }
  const each = live / 40;
  expect(each).toBeGreaterThanOrEqual(1);
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    await setTimeout(10);
  }
  // What was made last is kept for functions like the last ones.
  expect(live).toBe(16 * each);
  binding.InferenceSession = InferenceSession;
  y0.dispose();
});

test('a field in blocks outlives the function that it was made of', async () => {
  const engine = onnxEngine({ blocks: 2 });
  const y0 = tf.ones([4, 2]);
  const prepare = () => {
    const f: FlatField = (_, [y]) => [tf.square(y!)];
    return engine.prepare({ f, key: f, t0: 0, y0: [y0], parameters: [], dtype: 'float32' });
  };
  const { field, fromTensor } = prepare();
  const y = [fromTensor(y0)];
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    await setTimeout(10);
  }
  expect([...(field.evaluate(0, y)[0]!.data as Float32Array)]).toEqual(Array(8).fill(1));
  y0.dispose();
});
