import { engine, ones, zeros } from '@tensorflow/tfjs-core';

import { dtypeOf, shapeOf } from '../ir/attributes.ts';
import { kernelOf, resultTypes } from '../ir/kernels.ts';
import { reshapedTo } from '../ir/result-rules.ts';
import { noteResults } from './numbers.ts';
import { compute, operandsOf, probe } from './real-kernels.ts';
import { createRecording, type Recorder, type Recording } from './recording.ts';
import { elementType, readsValues, unrecordable } from './refusals.ts';
import {
  isPlaceholder,
  listen,
  withLateKernels,
  type KernelListener,
  type RealBackend,
} from './tracing-backend.ts';

/**
 * Runs `body` while every kernel call of TensorFlow.js is recorded instead of computed; from its beginning again, with another
 * recorder, where it needed a kernel that was registered late, or made variables, as layers do that were not built.
 * @throws {EngineError} if what it does cannot be recorded.
 */
export function record<T>(body: (recorder: Recorder) => T): T {
  return withLateKernels(() => {
    const before = variableCount();
    let run = recordOnce(body);
    const built = variableCount();
    if (built > before) run = recordOnce(body);
    if (variableCount() > built) throw unrecordable('it makes variables whenever it runs');
    if (run.seen.reads) throw unrecordable(readsValues);
    if (run.seen.drew) throw unrecordable(`it draws random numbers (${run.seen.drew})`);
    return run.result;
  });
}

const variableCount = (): number => Object.keys(engine().state.registeredVariables).length;

/** What a run did that is an error when it has ended. */
interface Seen {
  /** By what it drew random numbers. */
  drew?: string;
  /** Whether it waits for values. */
  reads?: true;
}

function recordOnce<T>(body: (recorder: Recorder) => T): { readonly result: T; readonly seen: Seen } {
  const recording = createRecording();
  const seen: Seen = {};
  const recordBody = (): T =>
    watchingRandomNumbers(
      () => body(recording),
      () => {
        seen.drew ??= 'Math.random, or a random operation of TensorFlow.js without a seed';
      },
    );
  try {
    return { result: listen((real) => listener(real, recording, seen), recordBody), seen };
  } finally {
    recording.end();
  }
}

const random = ['Multinomial', 'RandomStandardNormal', 'RandomUniform', 'RandomUniformInt'];

function listener(real: RealBackend, recording: Recording, seen: Seen): KernelListener {
  const { emit, reshaped, result, valueOf } = recording;
  return {
    call(kernel, inputs, attrs) {
      const operands = operandsOf(kernel, inputs);
      for (const [, x] of operands) recording.use(x);
      if (random.includes(kernel)) seen.drew = kernel;
      if (!operands.some(([, x]) => isPlaceholder(x.dataId))) {
        const out = compute(real, kernel, inputs, attrs);
        noteResults(kernel, attrs, operands, Array.isArray(out) ? out : [out]);
        return out;
      }
      const x = operands[0]![1];
      switch (kernel) {
        case 'ZerosLike':
          return zeros(x.shape, x.dtype as 'float32');
        case 'OnesLike':
          return ones(x.shape, x.dtype as 'float32');
        case 'Identity':
          return result(valueOf(x));
        case 'Reshape':
          return result(reshaped(valueOf(x), reshapedTo(x.shape, shapeOf(attrs))));
        case 'ExpandDims':
          return result(reshaped(valueOf(x), expanded(x.shape, attrs['dim'] as number)));
        case 'Cast':
          if (dtypeOf(attrs) === x.dtype) return result(valueOf(x));
      }
      const types =
        resultTypes(kernel, Object.fromEntries(operands), attrs) ?? probe(real, kernel, inputs, attrs);
      types.forEach((type) => elementType(type.dtype, kernel));
      const given = operands.map(([name, input]) => ({ name, value: valueOf(input) }));
      const outputs = emit(kernel, attrs, given, types).map(result);
      return outputs.length === 1 && !kernelOf(kernel).several ? outputs[0]! : outputs;
    },
    read(dataId) {
      const own = recording.ownData(dataId);
      if (own) return engine().readSync(own);
      throw unrecordable(readsValues);
    },
    readLater() {
      seen.reads = true;
    },
  };
}

/** A shape with one more axis of extent 1. */
const expanded = (shape: readonly number[], axis: number): number[] =>
  shape.toSpliced(axis < 0 ? axis + shape.length + 1 : axis, 0, 1);

/** TensorFlow.js draws random numbers in JavaScript, seeded by Math.random where the user gives no seed. */
function watchingRandomNumbers<T>(body: () => T, onDraw: () => void): T {
  const draw = Math.random;
  Math.random = () => {
    onDraw();
    return draw();
  };
  try {
    return body();
  } finally {
    Math.random = draw;
  }
}
