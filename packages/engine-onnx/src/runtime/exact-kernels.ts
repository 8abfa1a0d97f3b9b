import { EngineError } from '@odegrad/core';
import { EXACT_MODELS } from '../tuning.ts';
import {
  createBuilder,
  resultTypes,
  type Attributes,
  type ExactKernel,
  type KnownOperand,
} from '@odegrad/trace';

import { release, wrap, type Runtime } from './array.ts';
import { compileProgram, type Model } from './compile.ts';

/** Computes single kernels in doubles on ONNX Runtime, for what f makes of its own numbers before any of it meets t or y. */
export function exactKernels(runtime: Runtime): ExactKernel {
  const models = new Map<string, Model | undefined>();
  return (kernel, attrs, operands) => {
    const key = JSON.stringify([
      kernel,
      attrs,
      operands.map(({ name, shape, dtype }) => [name, shape, dtype]),
    ]);
    if (!models.has(key)) {
      if (models.size >= EXACT_MODELS) {
        for (const model of models.values()) model?.release();
        models.clear();
      }
      models.set(key, compiled(kernel, attrs, operands, runtime));
    }
    const model = models.get(key);
    if (!model) return undefined;
    for (const { name, shape, dtype, data } of operands) {
      const type = dtype === 'float32' ? runtime.float : dtype;
      model.feeds[name] = wrap(
        runtime.pool.kind(shape, type),
        dtype === 'float32' ? Float64Array.from(data) : data,
      );
    }
    const results = Object.entries(model.run());
    const values = results.map(([, { data }]) =>
      data instanceof Float64Array ? Float64Array.from(data) : undefined,
    );
    for (const [, array] of results) release(array);
    return values;
  };
}

/** Undefined where the kernel has no lowering, or works on nothing. */
function compiled(
  kernel: string,
  attrs: Attributes,
  operands: readonly KnownOperand[],
  runtime: Runtime,
): Model | undefined {
  if (operands.some(({ data }) => data.length === 0)) return undefined;
  const infos = Object.fromEntries(
    operands.map(({ name, shape, dtype }) => [name, { dataId: {}, shape: [...shape], dtype }]),
  );
  const types = resultTypes(kernel, infos, attrs);
  if (!types) return undefined;
  const builder = createBuilder();
  const inputs = Object.fromEntries(
    operands.map(({ name, shape, dtype }) => [name, builder.input(name, shape, dtype)]),
  );
  const outputs = builder.callAll(
    kernel,
    inputs,
    types.map(({ shape }) => shape),
    attrs,
    types[0]!.dtype,
  );
  try {
    return compileProgram(builder.finish(outputs.map((value, i) => ({ name: `r${i}`, value }))), runtime);
  } catch (error) {
    // Rounded to float32, as TensorFlow.js computes it, is what remains then.
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
