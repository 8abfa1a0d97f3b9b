import { clone, dispose, scalar, Variable, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { describe } from './describe.ts';
import type { FlatField } from '../eager/field-engine.ts';
import { record } from '../eager/recording.ts';

/** The variables and captured tensors that `f` reads at (t0, y0), in the order of their first use. Runs `f` once. */
export function findReads(f: FlatField, t0: number, y0: readonly Tensor[]): readonly Tensor[] {
  const t = scalar(t0);
  // Clones: y0 may be captured itself, and what it is captured for has a gradient of its own.
  const y = y0.map((x) => clone(x));
  try {
    const recording = record(() => f(t, y));
    recording.release();
    for (const value of recording.values) value.dispose();
    return recording.reads.filter((x) => x !== t && !y.includes(x));
  } finally {
    dispose([t, y]);
  }
}

/** @throws {ArgumentError} unless `params` is a list of variables that are alive. */
export function checkParameters(params: readonly Variable[]): readonly Variable[] {
  if (!(params instanceof Array)) {
    throw new ArgumentError(`\`params\` must be an array of tf.Variable, not ${describe(params)}.`);
  }
  params.forEach((v: unknown, i) => {
    if (!(v instanceof Variable)) {
      throw new ArgumentError(
        `\`params[${i}]\` must be a tf.Variable, not ${describe(v)}. Of a tf.layers model, take ` +
          `model.trainableWeights.map((w) => w.read()).`,
      );
    }
    if (v.dtype !== 'float32') {
      throw new ArgumentError(
        `\`params[${i}]\`, variable '${v.name}', is of dtype ${v.dtype}, which has no gradient. Leave it out: f reads it as it is.`,
      );
    }
    if (v.isDisposed) throw new ArgumentError(`\`params[${i}]\`, variable '${v.name}', was disposed before.`);
    if (params.indexOf(v as Variable) !== i)
      throw new ArgumentError(`Variable '${v.name}' is twice in \`params\`.`);
  });
  return params;
}
