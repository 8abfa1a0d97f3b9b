import { createRequire } from 'node:module';
import { dirname } from 'node:path';

import { ArgumentError, EngineError, Registry } from '@odegrad/core';
import { chooseBackend, odeint, solve } from '@odegrad/engine-tfjs';
import backprop from '@odegrad/grad-backprop';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { onnx } from './onnx.ts';

const registry = new Registry().use(tableaux).use(backprop).use(symplectic).use(onnx());
const optionsOf = (engine: string, gradient = 'symplectic'): object => ({
  registry,
  engine,
  gradient,
  solver: 'rk4',
  numSteps: 3,
});
const engines = ['tfjs', 'replay', 'onnx'];

/** A variable whose data nobody else has, as the tensor that it was made from would. */
function variableOf(values: tf.TensorLike, name: string, trainable = true): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor(values), trainable, name));
}

/** What a function throws. */
function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

const require = createRequire(import.meta.url);
setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
await tf.setBackend('cpu');

afterEach(async () => {
  vi.restoreAllMocks();
  await tf.setBackend('cpu');
});

describe('a kernel that the backend lacks', () => {
  const kernel = tf.randomNormal<tf.Rank.R4>([3, 3, 1, 1], 0, 0.1, 'float32', 1);
  const images = tf.randomNormal<tf.Rank.R4>([2, 4, 4, 1], 0, 1, 'float32', 2);

  test.each(['tfjs', 'replay'])('is named with who has it, in the gradient (%s on wasm)', async (engine) => {
    await tf.setBackend('wasm');
    const w = tf.variable(kernel);
    const before = tf.memory().numTensors;
    const train = (): unknown =>
      tf.tidy(() =>
        tf.variableGrads(() =>
          tf.sum(
            odeint(
              (_, y: tf.Tensor4D) => tf.conv2d(y, w as tf.Tensor4D, 1, 'same'),
              images,
              [0, 1],
              optionsOf(engine),
            ),
          ),
        ),
      );
    const error = thrownBy(train);
    expect(error).toBeInstanceOf(EngineError);
    expect(error.message).toMatch(
      /Backend 'wasm'.*no kernel Conv2DBackpropFilter.*cpu.*tf\.setBackend.*chooseBackend.*engine: 'onnx'/s,
    );
    expect(tf.memory().numTensors).toBe(before);
    // The engine that the message names has it.
    const { grads } = tf.variableGrads(() =>
      tf.sum(
        odeint(
          (_, y: tf.Tensor4D) => tf.conv2d(y, w as tf.Tensor4D, 1, 'same'),
          images,
          [0, 1],
          optionsOf('onnx'),
        ),
      ),
    );
    expect(Object.keys(grads)).toEqual([w.name]);
    tf.dispose([w, grads]);
  });

  test.each(engines)('is named in f (%s)', (engine) => {
    const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.engine().runKernel('Nowhere', { x: y });
    const error = thrownBy(() => odeint(f, tf.tensor1d([1]), [0, 1], optionsOf(engine)));
    expect(error).toBeInstanceOf(EngineError);
    expect(error.message).toMatch(/Backend 'cpu' of TensorFlow.js has no kernel Nowhere/);
  });

  test.each(engines)('so is an operation without a gradient (%s)', (engine) => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const f = (_: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.topk(y, 2).values;
    const y0 = tf.tensor1d([1, 2]);
    expect(odeint(f, y0, [0, 1], optionsOf(engine)).shape).toEqual([2, 2]);
    const error = thrownBy(() =>
      tf.grad((y: tf.Tensor) => tf.sum(odeint(f, y, [0, 1], optionsOf(engine))))(y0),
    );
    expect(error).toBeInstanceOf(EngineError);
    expect(error.message).toMatch(/no gradient.*operation TopK/);
  });
});

describe.each(engines)('what f uses after it was disposed, on engine %s', (engine) => {
  const y0 = tf.tensor2d([[1, 2]]);
  const expectNamed = (run: () => unknown, what: RegExp): void => {
    const before = tf.memory().numTensors;
    const error = thrownBy(run);
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(what);
    expect(error.message).toMatch(/was disposed before.*tf\.keep/s);
    expect(tf.memory().numTensors).toBe(before);
  };

  test('is named at the first solve: variables, tensors, by functions and by methods', () => {
    const w = variableOf(
      [
        [1, 0],
        [0, 1],
      ],
      `gone ${engine}`,
    );
    const shift = tf.tensor1d([1, 2]);
    tf.dispose([w, shift]);
    const fs: [(t: tf.Scalar, y: tf.Tensor) => tf.Tensor, RegExp][] = [
      [(_, y) => tf.matMul(y, w), new RegExp(`variable 'gone ${engine}'`)],
      [(_, y) => tf.add(y, shift), /float32 tensor of the shape \[2\]/],
      [(_, y) => tf.add(y, shift.neg()), /float32 tensor of the shape \[2\]/],
      [(_, y) => tf.mul(y, shift.dataSync()[0]!), /float32 tensor of the shape \[2\]/],
      [(_, y) => tf.concat([y, tf.reshape(shift, [1, 2])]).slice(0, 1), /float32 tensor of the shape \[2\]/],
    ];
    for (const [f, what] of fs) {
      expectNamed(() => odeint(f, y0, [0, 1], optionsOf(engine)), what);
      expectNamed(() => tf.grad((y: tf.Tensor) => tf.sum(odeint(f, y, [0, 1], optionsOf(engine))))(y0), what);
      expectNamed(() => solve(f, y0, [0, 1], optionsOf(engine, 'backprop')), what);
    }
  });

  test.each([true, false])('is named at a later solve, when f is known (trainable: %s)', (trainable) => {
    const w = variableOf(
      [
        [1, 0],
        [0, 1],
      ],
      `late ${engine} ${trainable}`,
      trainable,
    );
    const shift = tf.tensor1d([1, 2]);
    const f = (_: tf.Scalar, y: tf.Tensor2D): tf.Tensor2D => tf.add(tf.matMul(y, w as tf.Tensor2D), shift);
    const once = (): void => {
      solve(f, y0, [0, 1], optionsOf(engine)).dispose();
      odeint(f, y0, [0, 1], optionsOf(engine)).dispose();
    };
    once();
    w.dispose();
    expectNamed(once, new RegExp(`variable 'late ${engine} ${trainable}'`));
    expectNamed(
      () => odeint(f, y0, [0, 1], optionsOf(engine)),
      new RegExp(`variable 'late ${engine} ${trainable}'`),
    );
    shift.dispose();
  });

  test('is named at a later solve, where it is a captured tensor', () => {
    const shift = tf.tensor1d([1, 2]);
    const f = (_: tf.Scalar, y: tf.Tensor2D): tf.Tensor2D => tf.add(y, shift);
    const once = (): void => {
      odeint(f, y0, [0, 1], optionsOf(engine)).dispose();
    };
    once();
    shift.dispose();
    expectNamed(once, /float32 tensor of the shape \[2\]/);
  });

  test.each(['symplectic', 'backprop'])(
    'is named in the pullback, or the gradient is right (%s)',
    (gradient) => {
      const w = variableOf(0.5, `between ${engine} ${gradient}`);
      const y = tf.tensor1d([2]);
      const solution = solve((_, x: tf.Tensor1D) => tf.mul(w, x), y, [0, 1], optionsOf(engine, gradient));
      w.dispose();
      const cotangents = tf.tensor2d([[0], [1]]);
      let found: number | undefined;
      try {
        const { parameters } = solution.pullback(cotangents);
        found = parameters[w.name]!.dataSync()[0]!;
        tf.dispose(parameters);
      } catch (error) {
        expect(error).toBeInstanceOf(ArgumentError);
        expect((error as Error).message).toMatch(/variable 'between .*was disposed before/);
      }
      if (found !== undefined) expect(found).toBeCloseTo(2 * Math.exp(0.5), 3);
      solution.dispose();
    },
  );

  test('loses no gradient where another tensor keeps its data', () => {
    const initial = tf.scalar(0.5);
    const w = tf.variable(initial, true, `shared ${engine}`);
    w.dispose();
    const y = tf.tensor1d([2]);
    expectNamed(
      () =>
        tf.tidy(() =>
          tf.grad((x: tf.Tensor) => tf.sum(odeint((_, z) => tf.mul(w, z), x, [0, 1], optionsOf(engine))))(y),
        ),
      /variable 'shared/,
    );
    tf.dispose([initial, y]);
  });

  test('is a layer of a model too', () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
    odeint(model, y0, [0, 1], optionsOf(engine)).dispose();
    model.dispose();
    const error = thrownBy(() => odeint(model, y0, [0, 1], optionsOf(engine)));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(/disposed before/);
  });

  test('and errors of its own f may throw as they are', () => {
    const own = new TypeError("Cannot read properties of undefined (reading 'backend')");
    expect(
      thrownBy(() =>
        odeint(
          () => {
            throw own;
          },
          y0,
          [0, 1],
          optionsOf(engine),
        ),
      ),
    ).toBe(own);
  });
});

describe('on a wasm backend with kernels of cpu', () => {
  // Last, since the kernels stay.
  test.each(['tfjs', 'replay'])('convolutions and gathers are trained as on cpu (%s)', async (engine) => {
    const [kernel, image] = [
      tf.randomNormal([3, 3, 1, 1], 0, 0.1, 'float32', 1),
      tf.randomNormal([2, 4, 4, 1], 0, 1, 'float32', 2),
    ];
    const gradients = async (backend: 'wasm' | 'cpu'): Promise<number[][]> => {
      await chooseBackend([backend]);
      const w = tf.variable(kernel);
      const rows = tf.variable(tf.tensor1d([0.5, 2, -1, 1]));
      const f = (_: tf.Scalar, y: tf.Tensor4D): tf.Tensor4D =>
        tf.mul(
          tf.conv2d(y, w as tf.Tensor4D, 1, 'same'),
          tf.reshape(tf.gather(rows, tf.tensor1d([3, 0, 0, 2], 'int32')), [4, 1]),
        );
      const once = (): number[][] => {
        const { value, grads } = tf.variableGrads(
          () => tf.sum(odeint(f, image as tf.Tensor4D, [0, 1], optionsOf(engine))),
          [w, rows],
        );
        const found = [w, rows].map(({ name }) => [...grads[name]!.dataSync()]);
        tf.dispose([value, grads]);
        return found;
      };
      once();
      const before = tf.memory().numTensors;
      const found = once();
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose([w, rows]);
      return found;
    };
    const [own, wanted] = [await gradients('wasm'), await gradients('cpu')];
    wanted.flat().forEach((x, i) => {
      expect(own.flat()[i]).toBeCloseTo(x, 3);
    });
    tf.dispose([kernel, image]);
  });
});
