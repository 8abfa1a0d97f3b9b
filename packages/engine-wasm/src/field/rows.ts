import { shardings, type FloatType, type Sharding, type Program } from '@odegrad/trace';

import type { Rows } from '../lower/rows.ts';

/** Vectors of rows that a tile has at most: its values are to stay in the first cache, and its sums in registers. */
const VECTORS = 6;

/**
 * The rows of a batch, to lie in lanes, where a program treats them apart and they fill a vector. Layouts are those of the program's
 * values.
 */
export function rowsOf(
  program: Program,
  shapes: readonly (readonly number[])[],
  float: FloatType,
): Rows | undefined {
  const count = shapes[0]?.[0] ?? 0;
  const lanes = float === 'float64' ? 2 : 4;
  if (count < lanes || shapes.some((shape) => shape[0] !== count)) return undefined;
  const shardings = shardingsOf(program, count);
  if (!shardings) return undefined;
  const isWhole = shardings.every(
    (sharding, i) => sharding !== 'sharded' || program.values[i]!.shape[0] === count,
  );
  return isWhole ? { count, tile: lanes * vectorsOf(Math.ceil(count / lanes)), shardings } : undefined;
}

/** Vectors of a tile, so that few of the last one are idle; rather four than five. */
function vectorsOf(all: number): number {
  if (all <= VECTORS) return all;
  const idle = (size: number): number => Math.ceil(all / size) * size - all;
  return [4, 6, 5, 2, 3].reduce((best, size) => (idle(size) / all < idle(best) / all - 0.05 ? size : best));
}

/** As if it were a program of f: what a step adds has the layout of sums, and slopes that of states. */
function shardingsOf(program: Program, rows: number): readonly Sharding[] | undefined {
  const shadow: Program = {
    ...program,
    inputs: program.inputs.map(({ name, value }) => ({ name: name.replace(/^k/, 'y'), value })),
    instructions: program.instructions.map((instruction) => {
      const { kernel, inputs } = instruction;
      if (kernel === 'Decay') return { ...instruction, kernel: 'Exp' };
      if (kernel.endsWith('OfDecay')) return { ...instruction, kernel: 'Add' };
      if (kernel !== 'Combination') return instruction;
      const arrays = inputs.filter(({ value }) => program.values[value]!.shape.length > 0);
      return { ...instruction, kernel: 'AddN', inputs: arrays };
    }),
    outputs: [],
  };
  return shardings(shadow, rows) ?? shardings(shadow, rows, true);
}
