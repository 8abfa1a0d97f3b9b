import type { State } from '@odegrad/core';

import { wrap } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from '../runtime/runtime.ts';
import { BLOCK_ROWS, BLOCK_WORK, SHARED_WORK } from '../tuning.ts';
import { sizeOf, type Attributes, type ConstantData, type Instruction, type Program } from '@odegrad/trace';
import { shardings, type Sharding } from '@odegrad/trace';
import { largestOperation, operations } from '@odegrad/trace';

/** Rows `from` to `to` (not included) of a batch. */
export interface Shard {
  readonly from: number;
  readonly to: number;
}

/** f, and f with the pullback of a cotangent, as they were recorded. */
export interface Recorded {
  readonly forward: Program;
  readonly gradient: Program;
}

/** A field cut into shards of rows, for each of which it is a field of its own. */
export interface RowShards {
  readonly shards: readonly Shard[];
  /** What is known of f for the rows of a shard. */
  programs(shard: Shard): Recorded;
  /** Shapes of the parts of y in a shard. */
  shapes(shard: Shard): readonly (readonly number[])[];
  /** Of the variables besides the parameters, a shard has its part of those that have rows (noise drawn for a solve). */
  variables(shard: Shard, others: State<OnnxArray>): State<OnnxArray>;
}

/** How many shards are faster than none: measured on two cores. */
export function shardsThatPay(
  { forward, shapes }: { readonly forward: Program; readonly shapes: readonly (readonly number[])[] },
  { threads, cores }: Pick<Runtime, 'threads' | 'cores'>,
): number {
  if (largestOperation(forward) > SHARED_WORK) return 1;
  const rows = shapes[0]?.[0] ?? 0;
  return Math.floor(Math.min(threads ?? cores, operations(forward) / BLOCK_WORK, rows / BLOCK_ROWS));
}

/** The field in so many shards of rows, the first of which is none smaller than the others; undefined where f mixes rows. */
export function rowShards(
  recorded: Recorded,
  shapes: readonly (readonly number[])[],
  count: number,
): RowShards | undefined {
  const rows = shapes[0]?.[0];
  if (rows === undefined || count < 2 || rows < count || shapes.some(([extent]) => extent !== rows))
    return undefined;
  const found = shardingsOf(recorded, rows, true) ?? shardingsOf(recorded, rows, false);
  if (!found) return undefined;
  const { forward, gradient } = recorded;
  const withRows = new Set(
    forward.inputs.filter(({ value }) => found.forward[value] === 'sharded').map(({ name }) => name),
  );
  const cut = (i: number): number => Math.ceil((i * rows) / count);
  return {
    shards: Array.from({ length: count }, (_, i) => ({ from: cut(i), to: cut(i + 1) })),
    programs: (shard) => ({
      forward: shardOf(forward, found.forward, rows, shard),
      gradient: shardOf(gradient, found.gradient, rows, shard),
    }),
    shapes: ({ from, to }) => shapes.map(([, ...row]) => [to - from, ...row]),
    variables: (shard, others) => others.map((x, i) => (withRows.has(`v${i}`) ? rowsOf(x, rows, shard) : x)),
  };
}

function shardingsOf(
  recorded: Recorded,
  rows: number,
  ofVariables: boolean,
): Readonly<Record<keyof Recorded, readonly Sharding[]>> | undefined {
  const forward = shardings(recorded.forward, rows, ofVariables);
  const gradient = forward && shardings(recorded.gradient, rows, ofVariables);
  return gradient && { forward, gradient };
}

/** A copy of the rows of an array. */
function rowsOf({ kind, data }: OnnxArray, rows: number, { from, to }: Shard): OnnxArray {
  const [extent, ...row] = kind.dims as readonly [number, ...number[]];
  const size = kind.size / rows;
  return wrap(
    kind.pool.kind([(extent / rows) * (to - from), ...row], kind.type),
    data.slice(from * size, to * size),
  );
}

/** The program for a shard of rows. */
function shardOf(program: Program, found: readonly Sharding[], rows: number, { from, to }: Shard): Program {
  const isCut = (value: number): boolean => found[value] === 'sharded';
  const values = program.values.map((value, i) => {
    if (!isCut(i)) return value;
    const [extent, ...rest] = value.shape as [number, ...number[]];
    return { ...value, shape: [(extent / rows) * (to - from), ...rest] };
  });
  const ofShard = (data: ConstantData, value: number): ConstantData => {
    const row = sizeOf(program.values[value]!.shape) / rows;
    return isCut(value) ? data.slice(from * row, to * row) : data;
  };
  return {
    ...program,
    values,
    constants: new Map([...program.constants].map(([value, data]) => [value, ofShard(data, value)])),
    instructions: program.instructions.map((instruction) => {
      const output = instruction.outputs[0]!;
      return isCut(output)
        ? { ...instruction, attrs: withExtents(instruction, values[output]!.shape) }
        : instruction;
    }),
  };
}

/** The attributes where the result has that shape. */
function withExtents({ kernel, attrs }: Instruction, shape: readonly number[]): Attributes {
  switch (kernel) {
    case 'Reshape':
    case 'BroadcastTo':
      return { ...attrs, shape: [...shape] };
    case 'Slice': {
      // All rows; a size that is left out is all there is.
      const [, ...rest] = [(attrs['size'] ?? []) as number | readonly number[]].flat();
      return { ...attrs, size: [-1, ...rest] };
    }
    case 'Conv2DBackpropInput':
    case 'DepthwiseConv2dNativeBackpropInput':
      return { ...attrs, inputShape: [...shape] };
    default:
      return attrs;
  }
}
