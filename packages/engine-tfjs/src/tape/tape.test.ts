import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { internals, type Internals } from './internals.ts';
import { record } from '../eager/recording.ts';
import { afresh, isTapeOn, isolated, whenTapeEnds } from './tape.ts';

setWasmPaths(
  new URL('../../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url).pathname,
);

beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
});

let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
const alive = (): number => tf.memory().numTensors - before;
const numbers = (x: tf.Tensor): number[] => [...x.dataSync()];

describe('the engine of TensorFlow.js is still what we take it for', () => {
  it('is of the version that this was written for', () => {
    expect(tf.version_core).toMatch(/^4\.22\./);
  });

  it('has the state and the methods that `internals` names', () => {
    const engine = internals();
    expect(engine).toBe(tf.engine());
    const { gradientDepth, kernelDepth, activeTape } = engine.state;
    expect({ gradientDepth, kernelDepth, activeTape: activeTape ?? null }).toEqual({
      gradientDepth: 0,
      kernelDepth: 0,
      activeTape: null,
    });
    for (const method of [
      'addTapeNode',
      'getTensorsForGradient',
      'gradients',
      'clone',
      'nextTensorId',
      'runKernel',
    ] as const) {
      expect(engine).toHaveProperty(method, expect.any(Function));
      expect(Object.hasOwn(engine, method)).toBe(false);
    }
    expect(engine).toHaveProperty('addTapeNode.length', 6);
  });

  it('records nodes of the shape that `TapeNode` describes', () => {
    const seen: Internals['state']['activeTape'] = [];
    const x = tf.scalar(2);
    tf.grad((z) => {
      const y = tf.exp(z);
      seen.push(...internals().state.activeTape!);
      return y;
    })(x).dispose();
    x.dispose();
    // The clone of exp's output precedes exp: what smoothGradients is there for.
    expect(seen.map((node) => Object.keys(node).sort())).toEqual([
      ['gradient', 'id', 'inputs', 'kernelName', 'outputs', 'saved'],
      ['gradient', 'id', 'inputs', 'kernelName', 'outputs', 'saved'],
    ]);
    expect(seen[1]!.kernelName).toBe('Exp');
    expect(seen[0]!.inputs['x']).toBe(seen[1]!.outputs[0]);
    expect(seen[1]!.saved).toEqual([seen[0]!.outputs[0]]);
  });
});

describe('afresh', () => {
  it('takes a gradient that ends at what was recorded before, and records it', () => {
    const x = tf.scalar(3);
    const derivative = tf.tidy(() =>
      tf
        .grad((z: tf.Tensor) => {
          const y = tf.square(z);
          // d/dz of z³ y with y held, 3 z² y = 3 z⁴: the tape outside knows that y is z².
          return afresh(() => tf.grad((u: tf.Tensor) => tf.mul(tf.mul(tf.square(u), u), y))(z));
        })(x)
        .dataSync(),
    );
    expect(derivative[0]).toBeCloseTo(12 * 27, 3);
    x.dispose();
    expect(alive()).toBe(0);
  });

  it('has what was recorded freed where it throws', () => {
    const x = tf.scalar(3);
    const live = alive();
    expect(() =>
      isolated(() =>
        tf.grad((z: tf.Tensor) => {
          tf.exp(z);
          return afresh(() => {
            tf.exp(z);
            throw new Error('oops');
          });
        })(x),
      ),
    ).toThrow('oops');
    expect(alive()).toBe(live);
    x.dispose();
  });
});

describe('isolated', () => {
  it('lets a gradient be taken in a custom gradient, forward and backward', () => {
    const x = tf.tensor1d([0.3, -0.7]);
    const cube = (z: tf.Tensor): tf.Tensor => tf.mul(z, tf.square(z));
    const custom = tf.customGrad((z, save) => {
      (save as (xs: tf.Tensor[]) => void)([z as tf.Tensor]);
      const value = isolated(() => tf.grad((u) => tf.sum(cube(u)))(z as tf.Tensor));
      return {
        value,
        gradFunc: (dy: tf.Tensor, [u]: tf.Tensor[]) =>
          isolated(() => tf.grad((v: tf.Tensor) => tf.mul(3, tf.square(v)))(u!, dy)),
      };
    });
    const gradient = tf.grad((z) => tf.sum(custom(z)))(x);
    expect(numbers(gradient)).toEqual([0.3, -0.7].map((v) => expect.closeTo(6 * v, 5) as number));
    gradient.dispose();
    x.dispose();
    expect(alive()).toBe(0);
  });

  it('frees what a gradient had saved when it throws, and puts the state back', () => {
    const x = tf.scalar(2);
    const live = alive();
    expect(() =>
      isolated(() =>
        tf.grad((z: tf.Tensor) => {
          tf.exp(tf.mul(z, z));
          throw new Error('oops');
        })(x),
      ),
    ).toThrow('oops');
    expect(alive()).toBe(live);
    expect(isTapeOn()).toBe(false);
    x.dispose();
  });
});

describe.each(['cpu', 'wasm'])('record, on %s', (backend) => {
  beforeAll(async () => {
    expect(await tf.setBackend(backend)).toBe(true);
  });

  let w: tf.Variable;
  let b: tf.Variable;
  let x: tf.Tensor;
  let dy: tf.Tensor;
  let started = 0;
  beforeEach(() => {
    started = tf.memory().numTensors;
    w = tf.variable(tf.randomNormal([5, 5], 0, 1, 'float32', 1));
    b = tf.variable(tf.randomNormal([5], 0, 1, 'float32', 2));
    x = tf.randomNormal([3, 5], 0, 1, 'float32', 3);
    dy = tf.randomNormal([3, 5], 0, 1, 'float32', 4);
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    tf.dispose([w, b, x, dy]);
    // The initial values of the two variables were never ours.
    expect(tf.memory().numTensors - started).toBe(2);
  });
  const layers = (z: tf.Tensor, count = 2): tf.Tensor => {
    for (let i = 0; i < count; i++) z = tf.tanh(tf.add(tf.matMul(z as tf.Tensor2D, w as tf.Tensor2D), b));
    return z;
  };
  /** tf.grads with respect to x and the two variables. */
  const reference = (): number[][] =>
    tf.tidy(() =>
      tf
        .grads((z, _u, _v) => layers(z))([x, w, b], dy)
        .map(numbers),
    );

  it('gives the gradients of tf.grads to the last bit, twice, and leaves nothing', () => {
    const expected = reference();
    const recording = record(() => [layers(x)]);
    for (let again = 0; again < 2; again++) {
      const found = recording.pullback([dy], [x, w, b]);
      expect(found.map((g) => numbers(g!))).toEqual(expected);
      tf.dispose(found);
    }
    recording.release();
    recording.release();
    tf.dispose([...recording.values]);
    expect(alive()).toBe(0);
  });

  it('does so inside a custom gradient of an outer tape, forward and backward', () => {
    const expected = reference();
    const custom = tf.customGrad((z, u, v) => {
      const recording = isolated(() => record(() => [layers(z as tf.Tensor)]));
      const value = tf.clone(recording.values[0]!);
      recording.values[0]!.dispose();
      return {
        value,
        gradFunc: (cotangent: tf.Tensor) => {
          const found = recording.pullback([cotangent], [z as tf.Tensor, u as tf.Tensor, v as tf.Tensor]);
          recording.release();
          return found.map((g) => {
            const copy = tf.clone(g!);
            g!.dispose();
            return copy;
          });
        },
      };
    });
    const found = tf.grads((z, u, v) => custom(z, u, v))([x, w, b], dy);
    expect(found.map(numbers)).toEqual(expected);
    tf.dispose(found);
    expect(alive()).toBe(0);
  });

  it('takes several values, given ones, twice the same, and unused inputs', () => {
    const constant = tf.ones([2]);
    const recording = record(() => {
      const h = layers(x, 1);
      return [h, x, h, constant];
    });
    expect(new Set([...recording.values, x, constant]).size).toBe(6);
    const cotangents = [dy, dy, dy, constant];
    const [gx, gb, gone] = recording.pullback(cotangents, [x, b, constant, dy]);
    const [ex, eb] = tf.tidy(() =>
      tf
        .grads((z, _v) => tf.add(tf.mul(2, layers(z, 1)), z))([x, b], dy)
        .map((g) => g.arraySync()),
    );
    const close = (a: tf.Tensor, e: unknown): number =>
      tf.tidy(() => tf.max(tf.abs(tf.sub(a, e as number[]))).dataSync()[0]!);
    expect(close(gx!, ex)).toBeLessThan(1e-6);
    expect(close(gb!, eb)).toBeLessThan(1e-6);
    expect(numbers(gone!)).toEqual([1, 1]);
    expect(numbers(dy)).toHaveLength(15);
    recording.release();
    tf.dispose([...recording.values, gx!, gb!, gone!, constant]);
    expect(alive()).toBe(0);
  });

  it('hands out gradients of their own where a gradient function returns what it saved', () => {
    const same = tf.customGrad((z, u, save) => {
      (save as (xs: tf.Tensor[]) => void)([z as tf.Tensor]);
      return {
        value: tf.add(z as tf.Tensor, u as tf.Tensor),
        gradFunc: (_: tf.Tensor, [s]: tf.Tensor[]) => [s!, s!],
      };
    });
    const recording = record(() => [same(x, dy)]);
    for (let again = 0; again < 2; again++) {
      const [first, second] = recording.pullback([dy], [x, dy]);
      expect(first).not.toBe(second);
      first!.dispose();
      expect(numbers(second!)).toEqual(numbers(x));
      second!.dispose();
    }
    recording.release();
    tf.dispose([...recording.values]);
    expect(alive()).toBe(0);
  });

  it('lets a gradient function take gradients itself', () => {
    const recomputed = tf.customGrad((z, save) => {
      (save as (xs: tf.Tensor[]) => void)([z as tf.Tensor]);
      return {
        value: layers(z as tf.Tensor),
        gradFunc: (cotangent: tf.Tensor, [s]: tf.Tensor[]) => tf.grad((u) => layers(u))(s!, cotangent),
      };
    });
    const recording = record(() => [tf.mul(2, recomputed(x))]);
    const [found] = recording.pullback([dy], [x]);
    const expected = reference()[0]!.map((g) => expect.closeTo(2 * g, 5) as number);
    expect(numbers(found!)).toEqual(expected);
    recording.release();
    tf.dispose([...recording.values, found!]);
    expect(alive()).toBe(0);
  });

  it('counts the bytes of the activations: linear in the layers, without the point and the parameters', () => {
    const bytes = [1, 2, 3, 7].map((count) => {
      const recording = record(() => [layers(x, count)]);
      recording.release();
      tf.dispose([...recording.values]);
      return recording.bytes;
    });
    // The product (saved by the sum) and the tanh of each layer, of 3 × 5 float32 each.
    expect(bytes).toEqual([1, 2, 3, 7].map((count) => count * 2 * 3 * 5 * 4));
  });

  it('names the variables and the tensors from before that were read', () => {
    const frozen = tf.variable(tf.scalar(1), false);
    const recording = record(() => [tf.mul(frozen, layers(x))]);
    expect(recording.reads).toEqual([x, w, b, frozen]);
    recording.release();
    tf.dispose([...recording.values, frozen]);
    expect(alive()).toBe(1);
    before += 1;
    started += 1;
  });

  it('leaves nothing when f throws or its gradient does', () => {
    expect(() =>
      record(() => {
        layers(x);
        tf.grad((z: tf.Tensor) => {
          tf.exp(z);
          throw new Error('oops');
        })(x);
        return [];
      }),
    ).toThrow('oops');
    expect(alive()).toBe(0);
    const bad = tf.customGrad((z) => ({
      value: tf.clone(z as tf.Tensor),
      gradFunc: (): tf.Tensor => {
        throw new Error('no way back');
      },
    }));
    const recording = record(() => [layers(bad(layers(x)))]);
    expect(() => recording.pullback([dy], [x])).toThrow('no way back');
    recording.release();
    tf.dispose([...recording.values]);
    expect(alive()).toBe(0);
    expect(isTapeOn()).toBe(false);
  });
});

describe('whenTapeEnds', () => {
  it('calls back once, when the outermost gradient is done', () => {
    const calls: string[] = [];
    const x = tf.scalar(3);
    const inner = (z: tf.Tensor): tf.Tensor => {
      const y = tf.square(z);
      whenTapeEnds(() => calls.push('ended'));
      return y;
    };
    tf.grad((z: tf.Tensor) => {
      const g = tf.grad(inner)(z);
      calls.push('inner done');
      return g;
    })(x).dispose();
    x.dispose();
    expect(calls).toEqual(['inner done', 'ended']);
    expect(alive()).toBe(0);
  });

  it('calls back when a recording is released', () => {
    let ended = 0;
    const x = tf.scalar(3);
    const recording = record(() => {
      const y = tf.square(x);
      whenTapeEnds(() => (ended += 1));
      return [y];
    });
    tf.dispose(recording.pullback([x], [x]));
    expect(ended).toBe(0);
    recording.release();
    expect(ended).toBe(1);
    tf.dispose([x, ...recording.values]);
  });
});
