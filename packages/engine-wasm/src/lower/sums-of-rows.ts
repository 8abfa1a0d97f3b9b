import { countUses, sameShape, type Instruction, type Program } from '@odegrad/trace';

import type { Dot } from '../nests/dots.ts';
import type { Rows } from './rows.ts';

/** Summands over rows in lanes that become one sum, and what is to be added up for it. */
export interface SumsOfRows {
  /** The sum that a summand belongs to, by value. */
  readonly sums: ReadonlyMap<number, number>;
  readonly pending: Map<number, { level: number; readonly matrix: readonly number[]; readonly pairs: Dot[] }>;
}

/** Sums all of whose summands are sums over rows that nobody else reads, as those of the stages of a step. */
export function sumsOfRows(
  { instructions, values, ...program }: Program,
  rows: Rows | undefined,
): SumsOfRows {
  const sums = new Map<number, number>();
  const uses = countUses({ instructions, values, ...program });
  const makers = new Map(instructions.map((instruction) => [instruction.outputs[0]!, instruction]));
  const shape = (value: number): readonly number[] => values[value]!.shape;
  for (const { kernel, inputs, outputs } of instructions) {
    if (kernel !== 'AddN' || !rows || rows.shardings[outputs[0]!] !== 'partial') continue;
    const summands = inputs.map(({ value }) => makers.get(value));
    const [first] = summands;
    const isAlike = (maker: Instruction | undefined): boolean =>
      maker !== undefined &&
      maker.kernel === first!.kernel &&
      (maker.kernel === 'BatchMatMul' || maker.kernel === 'Sum') &&
      maker.inputs.every(
        ({ value }, i) =>
          rows.shardings[value] === 'sharded' && sameShape(shape(value), shape(first!.inputs[i]!.value)),
      ) &&
      uses.get(maker.outputs[0]!) === 1;
    if (summands.every(isAlike)) for (const { value } of inputs) sums.set(value, outputs[0]!);
  }
  return { sums, pending: new Map() };
}
