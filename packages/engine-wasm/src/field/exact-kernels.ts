import { EngineError } from '@odegrad/core';
import {
  createBuilder,
  resultTypes,
  type Attributes,
  type ExactKernel,
  type KnownOperand,
} from '@odegrad/trace';

import { UnsupportedError } from '../lower/unsupported.ts';
import { createArena } from '../runtime/arena.ts';
import { createModel, type Model } from './model.ts';
import { rewriteForWasm } from './rewrite.ts';

/** Models of single kernels that are kept. */
const KEPT = 64;

interface Single {
  readonly model: Model;
  readonly sizes: readonly number[];
  readonly isFloat: boolean;
}

/** Computes single kernels in doubles, for what f makes of its own numbers before any of it meets t or y. */
export function exactKernels(): ExactKernel {
  const made = new Map<string, Single | undefined>();
  return (kernel, attrs, operands) => {
    const key = JSON.stringify([
      kernel,
      attrs,
      operands.map(({ name, shape, dtype }) => [name, shape, dtype]),
    ]);
    if (!made.has(key)) {
      if (made.size >= KEPT) made.clear();
      made.set(key, compiled(kernel, attrs, operands));
    }
    const single = made.get(key);
    if (!single) return undefined;
    const results = single.sizes.map((size) => new Float64Array(size));
    single.model.run(
      { variables: {} },
      Object.fromEntries(operands.map(({ data }, i) => [`x${i}`, data])),
      Object.fromEntries(results.map((data, i) => [`r${i}`, data])),
    );
    return results.map((data) => (single.isFloat ? data : undefined));
  };
}

/** Undefined where there is no code for the kernel, or it works on nothing. */
function compiled(kernel: string, attrs: Attributes, operands: readonly KnownOperand[]): Single | undefined {
  if (operands.some(({ data }) => data.length === 0)) return undefined;
  const infos = Object.fromEntries(
    operands.map(({ name, shape, dtype }) => [name, { dataId: {}, shape: [...shape], dtype }]),
  );
  const types = resultTypes(kernel, infos, attrs);
  if (!types) return undefined;
  const builder = createBuilder();
  const inputs = Object.fromEntries(
    operands.map(({ name, shape, dtype }, i) => [name, builder.input(`x${i}`, shape, dtype)]),
  );
  const shapes = types.map(({ shape }) => shape);
  const outputs = builder.callAll(kernel, inputs, shapes, attrs, types[0]!.dtype);
  const program = builder.finish(outputs.map((value, i) => ({ name: `r${i}`, value })));
  try {
    const model = createModel(
      rewriteForWasm(program),
      { float: 'float64', relaxed: false, arena: createArena() },
      undefined,
    );
    const sizes = shapes.map((shape) => shape.reduce((n, extent) => n * extent, 1));
    return { model, sizes, isFloat: types[0]!.dtype === 'float32' };
  } catch (error) {
    // Rounded to float32, as TensorFlow.js computes it, is what remains then.
    if (error instanceof UnsupportedError || error instanceof EngineError) return undefined;
    throw error;
  }
}
