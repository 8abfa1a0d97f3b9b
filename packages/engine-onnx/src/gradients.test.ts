import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { tfjsEngine, type FieldEngine, type FlatField } from '@odegrad/engine-tfjs';
import { Draws, operations } from '@odegrad/testkit';
import { beforeAll, describe, expect, it, vi } from 'vitest';

import { onnxEngine } from './onnx.ts';
import { replayEngine } from '@odegrad/engine-replay';

setWasmPaths(new URL('../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url).pathname);

// Every operation with a gradient, on every engine: what is recorded is what TensorFlow.js would run, with the gradients that it has
// wrong put right. That these are right is tested in engine-tfjs.

const cases = operations(tf);
/** Kernels that exist in tests of engine-tfjs only. */
const unreachable = ['BroadcastTo', 'LogSoftmax'];
const names = Object.keys(cases).filter((name) => !unreachable.includes(name));

interface Sample {
  readonly f: FlatField;
  readonly y0: readonly tf.Tensor[];
  readonly cotangent: readonly tf.Tensor[];
}

/** A vector field of the inputs of an operation: each part's slope is the part times a weighted sum of what comes out. */
function sample(name: string, seed: number): Sample {
  const r = new Draws(seed);
  const { f, at } = cases[name]!(r);
  const tensor = ({ shape, values }: { shape: number[]; values: number[] }): tf.Tensor =>
    tf.tensor(values, shape, 'float32');
  const y0 = at.map(tensor);
  const outputs = [f(...y0)].flat();
  const weights = outputs.map(({ shape }) => r.values(shape));
  tf.dispose(outputs);
  const field: FlatField = (_t, y) => {
    const sums = [f(...y)].flat().map((x, k) => tf.sum(tf.mul(tf.cast(x, 'float32'), tensor(weights[k]!))));
    const total = tf.addN(sums);
    return y.map((part) => tf.mul(part, total));
  };
  return { f: field, y0, cotangent: at.map(({ shape }) => tensor(r.values(shape))) };
}

/** f and its pullback at a sample. */
function results<A>(engine: FieldEngine<A>, { f, y0, cotangent }: Sample): number[] {
  const { field, fromTensor, toTensor } = engine.prepare({
    f,
    key: f,
    t0: 0,
    y0,
    parameters: [],
    dtype: 'float32',
  });
  const read = (x: A): number[] => {
    const tensor = toTensor(x);
    const values = [...tensor.dataSync()];
    tensor.dispose();
    field.engine.release(x);
    return values;
  };
  const [y, c] = [y0.map(fromTensor), cotangent.map(fromTensor)];
  const linearization = field.linearize(0, y);
  const pulled = linearization.pullback(c, false);
  const found = [...linearization.value, ...pulled.y].flatMap(read);
  linearization.release();
  for (const x of [...y, ...c]) field.engine.release(x);
  return found;
}

const closeToZero = expect.closeTo(0, 4) as number;

function distance(found: readonly number[], wanted: readonly number[]): number {
  const scale = Math.max(1, ...wanted.map(Math.abs));
  return Math.max(...wanted.map((x, i) => Math.abs(x - found[i]!))) / scale;
}

/** Other than the eager one: ONNX Runtime's kernels do not do the same there, which the first solve finds out. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  UnsortedSegmentSum: /f is not the function that was recorded/,
};

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  expect(await tf.setBackend('cpu')).toBe(true);
});

/** Draws of each; six with ODEGRAD_ALL. */
const DRAWS = process.env['ODEGRAD_ALL'] ? 6 : 2;

it.each(names)('%s has one gradient on all engines', (name) => {
  for (let seed = 0; seed < DRAWS; seed++) {
    const drawn = sample(name, seed);
    const wanted = results(tfjsEngine, drawn);
    for (const engine of [replayEngine, onnxEngine({})] as FieldEngine<unknown>[]) {
      let found: readonly number[] | undefined;
      try {
        found = results(engine, drawn);
      } catch (error) {
        if (engine.name !== 'onnx' || !REFUSED[name]?.test(String(error))) throw error;
      }
      if (found)
        expect([engine.name, seed, distance(found, wanted)]).toEqual([engine.name, seed, closeToZero]);
    }
    tf.dispose([drawn.y0, drawn.cotangent] as tf.TensorContainer);
  }
});

describe('on wasm', () => {
  beforeAll(async () => {
    expect(await tf.setBackend('wasm')).toBe(true);
  });

  // Of its own kernels these four are wrong.
  it.each(['MaxPool', 'MaxPool3D', 'Conv3D', 'Dilation2D'])(
    '%s is refused on the kernels of TensorFlow.js',
    (name) => {
      for (const engine of [tfjsEngine, replayEngine] as FieldEngine<unknown>[]) {
        const drawn = sample(name, 1);
        expect(() => results(engine, drawn)).toThrow(/^Backend wasm .* computes \w+ wrongly.*tf.setBackend/);
        tf.dispose([drawn.y0, drawn.cotangent] as tf.TensorContainer);
      }
    },
  );
});
