import { axesOf, axisOf, paddingsOf, permOf, repsOf, transposesOf } from '../ir/attributes.ts';
import type { RowRule } from '../ir/kernel.ts';
import { kernelOf, linearity } from '../ir/kernels.ts';
import type { Attributes, Instruction, Program } from '../ir/program.ts';

/**
 * What the blocks of a batch hold of a value when each runs the program on rows of its own: all of it, its rows (along the
 * first axis), or a summand of it.
 */
export type Sharding = 'replicated' | 'sharded' | 'partial';

interface Operand {
  readonly name: string;
  readonly sharding: Sharding;
  readonly shape: readonly number[];
}

interface Call {
  readonly attrs: Attributes;
  readonly operands: readonly Operand[];
  /** Of the first result. */
  readonly shape: readonly number[];
  /** Rows of the batch. */
  readonly rows: number;
}

/** The sharding of a kernel's results; undefined where the blocks cannot make them apart. */
type Rule = (call: Call) => Sharding | undefined;

/**
 * The sharding of every value, where y and the cotangent have rows; undefined where rows meet (as in the mean over a batch), or
 * may. Constants with as many rows count as rows (noise, or labels), and so do variables besides the parameters, if told.
 *
 *     BatchMatMul(y sharded, w replicated)             sharded
 *     BatchMatMul(y sharded, c sharded; transposeA)    partial: Σ over rows
 *     Mean(y sharded; axis 0)                          undefined
 */
export function shardings(
  program: Program,
  rows: number,
  ofVariables = false,
): readonly Sharding[] | undefined {
  const found: Sharding[] = program.values.map(() => 'replicated');
  const shape = (value: number): readonly number[] => program.values[value]!.shape;
  for (const { name, value } of program.inputs) {
    const isVariable = ofVariables && /^v\d/.test(name) && isMultiple(shape(value)[0], rows);
    if (/^[yc]\d/.test(name) || isVariable) found[value] = 'sharded';
  }
  for (const value of program.constants.keys())
    if (isMultiple(shape(value)[0], rows)) found[value] = 'sharded';
  for (const instruction of program.instructions) {
    const { attrs, inputs, outputs } = instruction;
    const operands = inputs.map(({ name, value }) => ({
      name,
      sharding: found[value]!,
      shape: shape(value),
    }));
    const call: Call = { attrs, operands, shape: shape(outputs[0]!), rows };
    const sharding = shardingOf(instruction, call);
    if (!sharding) return undefined;
    for (const output of outputs) {
      found[output] = sharding;
      if (sharding === 'sharded' && !isMultiple(shape(output)[0], rows)) return undefined;
    }
  }
  const fits = ({ name, value }: Program['outputs'][number]): boolean =>
    /^(f|gy)\d/.test(name)
      ? found[value] === 'sharded' && shape(value)[0] === rows
      : found[value] === 'partial';
  return program.outputs.every(fits) ? found : undefined;
}

/** The sharding of an instruction's results. */
function shardingOf(instruction: Instruction, call: Call): Sharding | undefined {
  if (all(call, 'replicated')) return 'replicated';
  if (call.operands.some(({ sharding }) => sharding === 'partial'))
    return isThroughSums(instruction, call) ? 'partial' : undefined;
  const { rows } = kernelOf(instruction.kernel);
  return rows && rules[rows](call);
}

/** Whether sums may be taken through it: Σ f(x) = f(Σ x). */
function isThroughSums(instruction: Instruction, { operands }: Call): boolean {
  const linear = linearity(instruction);
  if (linear === 'jointly') return operands.every(({ sharding }) => sharding === 'partial');
  const [summed, ...more] = operands.filter(({ sharding }) => sharding !== 'replicated');
  return linear !== undefined && more.length === 0 && linear.includes(summed!.name);
}

const isMultiple = (extent: number | undefined, rows: number): boolean =>
  extent !== undefined && extent > 0 && extent % rows === 0;

/** The same for every block, and not along the rows of a result of that rank. */
const besideRows = ({ sharding, shape }: Operand, rank: number): boolean =>
  sharding === 'replicated' && (shape.length < rank || shape[0] === 1);

const alongRows = ({ sharding, shape }: Operand, result: readonly number[]): boolean =>
  sharding === 'sharded' && shape.length === result.length && shape[0] === result[0];

const all = ({ operands }: Call, sharding: Sharding): boolean =>
  operands.every((x) => x.sharding === sharding);

const shardedIf = (holds: boolean): Sharding | undefined => (holds ? 'sharded' : undefined);

const touchesRows = ({ attrs, operands }: Call): boolean =>
  axesOf(attrs, operands[0]!.shape.length).includes(0);

/** Each entry of the entries at the same place. */
const entries: Rule = ({ operands, shape }) =>
  shardedIf(operands.every((x) => alongRows(x, shape) || besideRows(x, shape.length)));

const product: Rule = ({ attrs, operands }) => {
  const [a, b] = operands as [Operand, Operand];
  const rank = Math.max(a.shape.length, b.shape.length);
  if (rank > 2) {
    const fits = (x: Operand): boolean =>
      (x.sharding === 'sharded' && x.shape.length === rank) || besideRows(x, rank);
    return shardedIf(fits(a) && fits(b));
  }
  const across = transposesOf(attrs);
  if (a.sharding === 'sharded' && b.sharding === 'replicated') return shardedIf(!across.a);
  // Σ over the rows.
  return a.sharding === 'sharded' && b.sharding === 'sharded' && across.a && !across.b
    ? 'partial'
    : undefined;
};

/** A layer with weights: rows in, rows out. */
const layer =
  (batched: string): Rule =>
  ({ operands }) =>
    shardedIf(operands.every((x) => x.sharding === (x.name === batched ? 'sharded' : 'replicated')));

/** Without summands among the operands, and with rows. */
const rules: Readonly<Record<RowRule, Rule>> = {
  entries,
  product,
  'fused product': (call) => {
    const [a, b, ...others] = call.operands as [Operand, Operand, ...Operand[]];
    const beside = others.every((x) => besideRows(x, call.shape.length));
    return shardedIf(beside && product({ ...call, operands: [a, b] }) === 'sharded');
  },
  // The same for each row.
  axes: (call) => shardedIf(all(call, 'sharded') && !touchesRows(call)),
  sum: (call) => (touchesRows(call) ? 'partial' : 'sharded'),
  // Rows follow one another in memory, so a block of them is one of any shape.
  view: ({ shape, rows }) => shardedIf(isMultiple(shape[0], rows)),
  transpose: ({ attrs }) => shardedIf(permOf(attrs)[0] === 0),
  // Counted among the axes of the result.
  pack: (call) => shardedIf(all(call, 'sharded') && axisOf(call.attrs, call.shape.length) !== 0),
  slice: ({ shape, operands }) => shardedIf(shape[0] === operands[0]!.shape[0]),
  pad: ({ attrs }) => shardedIf(paddingsOf(attrs)[0]!.every((n) => n === 0)),
  tile: ({ attrs }) => shardedIf(repsOf(attrs)[0] === 1),
  'layer of x': layer('x'),
  'layer of dy': layer('dy'),
  filter: (call) => (all(call, 'sharded') ? 'partial' : undefined),
  images: (call) => shardedIf(all(call, 'sharded')),
};
