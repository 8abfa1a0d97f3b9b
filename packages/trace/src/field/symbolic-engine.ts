import type { Engine } from '@odegrad/core';

import type { ProgramBuilder } from '../ir/builder.ts';
import { bytesOf, sizeOf } from '../ir/program.ts';

/** What a solver asks for is not known before a program runs. */
class UnknownError extends Error {
  constructor() {
    super('An array of a program has no entries, and a step no size, before it runs.');
  }
}

const unknown = (): never => {
  throw new UnknownError();
};

/**
 * Arithmetic on the values of a program that is being written: an array is the number of a value. On it core's solvers write
 * down what they would compute. A combination that is scaled by the step size becomes one `Combine`, which holds the weights; one
 * that is not scaled is a plain sum.
 */
export function symbolicEngine(builder: ProgramBuilder): Engine<number> {
  return {
    name: 'symbolic',
    roundoff: 2 ** -24,
    combine(base, terms, scale) {
      const values = terms.map(({ value }) => value);
      const weights = terms.map(({ coefficient }) => coefficient);
      const shape = builder.shape(values[0]!);
      // The step size that solvers see is no number.
      if (!weights.every(Number.isFinite)) return unknown();
      if (scale !== undefined) {
        if (!Number.isNaN(scale)) return unknown();
        const operands = { ...(base === undefined ? {} : { base }), ...numbered(values) };
        return builder.call('Combine', operands, shape, { weights });
      }
      if (weights.some((weight) => weight !== 1)) return unknown();
      return builder.call('AddN', numbered(base === undefined ? values : [base, ...values]), shape);
    },
    zeros(like) {
      const shape = builder.shape(like);
      return builder.constant(new Float32Array(sizeOf(shape)), shape);
    },
    dot: unknown,
    scaledNorm: unknown,
    scaledMax: unknown,
    isFinite: unknown,
    bytes: (x) => bytesOf({ shape: builder.shape(x), dtype: 'float32' }, 4),
    release: () => undefined,
  };
}

const numbered = (values: readonly number[]): Record<string, number> =>
  Object.fromEntries(values.map((value, i) => [i, value]));
