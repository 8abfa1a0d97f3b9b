import { axesOf, axisOf, paddingsOf, permOf, repsOf, transposesOf } from '../ir/attributes.ts';
import type { RowRule } from '../ir/kernel.ts';
import { kernelOf, linearity } from '../ir/kernels.ts';
import type { Attributes, Instruction, Program } from '../ir/program.ts';

/**
 * What the blocks of a batch hold of a value when each runs the program on rows of its own: all of it, its rows (along the
 * first axis), or a summand of it.
 */
export type Layout = 'whole' | 'rows' | 'partial';

interface Operand {
  readonly name: string;
  readonly layout: Layout;
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

/** The layout of a kernel's results; undefined where the blocks cannot make them apart. */
type Rule = (call: Call) => Layout | undefined;

/**
 * The layout of every value, where y and the cotangent have rows; undefined where rows meet (as in the mean over a batch), or
 * may. Constants with as many rows count as rows (noise, or labels), and so do variables besides the parameters, if told.
 */
export function rowLayouts(
  program: Program,
  rows: number,
  ofVariables = false,
): readonly Layout[] | undefined {
  const layouts: Layout[] = program.values.map(() => 'whole');
  const shape = (value: number): readonly number[] => program.values[value]!.shape;
  for (const { name, value } of program.inputs) {
    const isVariable = ofVariables && /^v\d/.test(name) && isMultiple(shape(value)[0], rows);
    if (/^[yc]\d/.test(name) || isVariable) layouts[value] = 'rows';
  }
  for (const value of program.constants.keys())
    if (isMultiple(shape(value)[0], rows)) layouts[value] = 'rows';
  for (const instruction of program.instructions) {
    const { attrs, inputs, outputs } = instruction;
    const operands = inputs.map(({ name, value }) => ({
      name,
      layout: layouts[value]!,
      shape: shape(value),
    }));
    const call: Call = { attrs, operands, shape: shape(outputs[0]!), rows };
    const layout = layoutOf(instruction, call);
    if (!layout) return undefined;
    for (const output of outputs) {
      layouts[output] = layout;
      if (layout === 'rows' && !isMultiple(shape(output)[0], rows)) return undefined;
    }
  }
  const fits = ({ name, value }: Program['outputs'][number]): boolean =>
    /^(f|gy)\d/.test(name)
      ? layouts[value] === 'rows' && shape(value)[0] === rows
      : layouts[value] === 'partial';
  return program.outputs.every(fits) ? layouts : undefined;
}

/** The layout of an instruction's results. */
function layoutOf(instruction: Instruction, call: Call): Layout | undefined {
  if (all(call, 'whole')) return 'whole';
  if (call.operands.some(({ layout }) => layout === 'partial'))
    return isThroughSums(instruction, call) ? 'partial' : undefined;
  const { rows } = kernelOf(instruction.kernel);
  return rows && rules[rows](call);
}

/** Whether sums may be taken through it: Σ f(x) = f(Σ x). */
function isThroughSums(instruction: Instruction, { operands }: Call): boolean {
  const linear = linearity(instruction);
  if (linear === 'jointly') return operands.every(({ layout }) => layout === 'partial');
  const [summed, ...more] = operands.filter(({ layout }) => layout !== 'whole');
  return linear !== undefined && more.length === 0 && linear.includes(summed!.name);
}

const isMultiple = (extent: number | undefined, rows: number): boolean =>
  extent !== undefined && extent > 0 && extent % rows === 0;

/** The same for every block, and not along the rows of a result of that rank. */
const besideRows = ({ layout, shape }: Operand, rank: number): boolean =>
  layout === 'whole' && (shape.length < rank || shape[0] === 1);

const alongRows = ({ layout, shape }: Operand, result: readonly number[]): boolean =>
  layout === 'rows' && shape.length === result.length && shape[0] === result[0];

const all = ({ operands }: Call, layout: Layout): boolean => operands.every((x) => x.layout === layout);

const rowsIf = (holds: boolean): Layout | undefined => (holds ? 'rows' : undefined);

const touchesRows = ({ attrs, operands }: Call): boolean =>
  axesOf(attrs, operands[0]!.shape.length).includes(0);

/** Each entry of the entries at the same place. */
const entries: Rule = ({ operands, shape }) =>
  rowsIf(operands.every((x) => alongRows(x, shape) || besideRows(x, shape.length)));

const product: Rule = ({ attrs, operands }) => {
  const [a, b] = operands as [Operand, Operand];
  const rank = Math.max(a.shape.length, b.shape.length);
  if (rank > 2) {
    const fits = (x: Operand): boolean =>
      (x.layout === 'rows' && x.shape.length === rank) || besideRows(x, rank);
    return rowsIf(fits(a) && fits(b));
  }
  const across = transposesOf(attrs);
  if (a.layout === 'rows' && b.layout === 'whole') return rowsIf(!across.a);
  // Σ over the rows.
  return a.layout === 'rows' && b.layout === 'rows' && across.a && !across.b ? 'partial' : undefined;
};

/** A layer with weights: rows in, rows out. */
const layer =
  (batched: string): Rule =>
  ({ operands }) =>
    rowsIf(operands.every((x) => x.layout === (x.name === batched ? 'rows' : 'whole')));

/** Without summands among the operands, and with rows. */
const rules: Readonly<Record<RowRule, Rule>> = {
  entries,
  product,
  'fused product': (call) => {
    const [a, b, ...others] = call.operands as [Operand, Operand, ...Operand[]];
    const beside = others.every((x) => besideRows(x, call.shape.length));
    return rowsIf(beside && product({ ...call, operands: [a, b] }) === 'rows');
  },
  // The same for each row.
  axes: (call) => rowsIf(all(call, 'rows') && !touchesRows(call)),
  sum: (call) => (touchesRows(call) ? 'partial' : 'rows'),
  // Rows follow one another in memory, so a block of them is one of any shape.
  view: ({ shape, rows }) => rowsIf(isMultiple(shape[0], rows)),
  transpose: ({ attrs }) => rowsIf(permOf(attrs)[0] === 0),
  // Counted among the axes of the result.
  pack: (call) => rowsIf(all(call, 'rows') && axisOf(call.attrs, call.shape.length) !== 0),
  slice: ({ shape, operands }) => rowsIf(shape[0] === operands[0]!.shape[0]),
  pad: ({ attrs }) => rowsIf(paddingsOf(attrs)[0]!.every((n) => n === 0)),
  tile: ({ attrs }) => rowsIf(repsOf(attrs)[0] === 1),
  'layer of x': layer('x'),
  'layer of dy': layer('dy'),
  filter: (call) => (all(call, 'rows') ? 'partial' : undefined),
  images: (call) => rowsIf(all(call, 'rows')),
};
