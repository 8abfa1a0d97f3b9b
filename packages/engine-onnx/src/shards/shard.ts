import type { State, VectorField } from '@odegrad/core';

import { release, take, type OnnxArray } from '../runtime/array.ts';
import { type FloatData } from '@odegrad/trace';
import { perform, type BlockCall, type BlockResult, type Kept } from './shard-call.ts';
import { compileField, vectorField, type CompiledField } from '../field/field.ts';
import type { Recorded } from './shards.ts';

/** What is known of a field for the rows of a block. */
export type BlockDescription = Recorded & Pick<CompiledField, 'shapes' | 'parameterShapes'>;

/** The field of a block, ready for solves. */
export interface PreparedBlock {
  /** With the values that the variables have for one solve. */
  solve(parameters: State<OnnxArray>, others: State<OnnxArray>): BlockSolve;
}

export interface BlockSolve {
  readonly field: VectorField<OnnxArray>;
  /** A call on the rows of one or two states. */
  call(call: BlockCall, inputs: readonly (readonly FloatData[])[]): BlockResult;
}

/** Prepares the field of a block, in whichever thread holds it. */
export function prepareBlock(
  { forward, gradient, ...shapes }: BlockDescription,
  about: Pick<CompiledField, 'runtime' | 'engine'>,
): PreparedBlock {
  const programs = { forward: () => forward, gradient: () => gradient };
  const compiled = compileField(programs, { ...shapes, ...about });
  const { pool, float } = about.runtime;
  const kinds = compiled.shapes.map((shape) => pool.kind(shape, float));
  const linearizations = new Map<number, Kept>();
  return {
    solve(parameters, others) {
      const field = vectorField(compiled, parameters, others);
      return {
        field,
        call(call, inputs) {
          const states = inputs.map((rows) =>
            rows.map((values, k) => {
              const x = take(kinds[k]!);
              (x.data as FloatData).set(values);
              return x;
            }),
          );
          try {
            return perform(field, linearizations, call, states);
          } finally {
            states.flat().forEach(release);
          }
        },
      };
    },
  };
}
