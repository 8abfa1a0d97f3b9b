import type { State, VectorField } from '@odegrad/core';

import { release, take } from '@odegrad/trace';
import { type OnnxArray } from '../runtime/runtime.ts';
import { type FloatData } from '@odegrad/trace';
import { perform, type ShardCall, type ShardResult, type Kept } from './shard-call.ts';
import { compileField, vectorField, type CompiledField } from '../field/field.ts';
import type { Recorded } from './shards.ts';

/** What is known of a field for the rows of a shard. */
export type ShardDescription = Recorded & Pick<CompiledField, 'shapes' | 'parameterShapes'>;

/** The field of a shard, ready for solves. */
export interface PreparedShard {
  /** With the values that the variables have for one solve. */
  solve(parameters: State<OnnxArray>, others: State<OnnxArray>): ShardSolve;
}

export interface ShardSolve {
  readonly field: VectorField<OnnxArray>;
  /** A call on the rows of one or two states. */
  call(call: ShardCall, inputs: readonly (readonly FloatData[])[]): ShardResult;
}

/** Prepares the field of a shard, in whichever thread holds it. */
export function prepareShard(
  { forward, gradient, ...shapes }: ShardDescription,
  about: Pick<CompiledField, 'runtime' | 'engine'>,
): PreparedShard {
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
