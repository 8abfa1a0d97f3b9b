import { elementwise } from '../ir/kernels.ts';
import type { Attributes, Program } from '../ir/program.ts';

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
  for (const { kernel, attrs, inputs, outputs } of program.instructions) {
    const operands = inputs.map(({ name, value }) => ({
      name,
      layout: layouts[value]!,
      shape: shape(value),
    }));
    const call: Call = { attrs, operands, shape: shape(outputs[0]!), rows };
    const layout = operands.every((x) => x.layout === 'whole') ? 'whole' : rules.get(kernel)?.(call);
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

const isMultiple = (extent: number | undefined, rows: number): boolean =>
  extent !== undefined && extent > 0 && extent % rows === 0;

/** The same for every block, and not along the rows of a result of that rank. */
const besideRows = ({ layout, shape }: Operand, rank: number): boolean =>
  layout === 'whole' && (shape.length < rank || shape[0] === 1);

const alongRows = ({ layout, shape }: Operand, result: readonly number[]): boolean =>
  layout === 'rows' && shape.length === result.length && shape[0] === result[0];

const operand = ({ operands }: Call, name: string): Operand | undefined =>
  operands.find((other) => other.name === name);

const all = ({ operands }: Call, layout: Layout): boolean => operands.every((x) => x.layout === layout);

const broadcast: Rule = ({ operands, shape }) =>
  operands.every((x) => alongRows(x, shape) || besideRows(x, shape.length)) ? 'rows' : undefined;

/** Of the axes that attributes name. */
const touchesRows = ({ attrs, operands }: Call): boolean => {
  const named = attrs['axis'] ?? attrs['reductionIndices'] ?? attrs['dims'] ?? attrs['dim'];
  const rank = operands[0]!.shape.length;
  return [named ?? 0].flat().some((axis) => ((axis as number) + rank) % rank === 0);
};

/** Kernels that do the same to each row. */
const within: Rule = (call) => (all(call, 'rows') && !touchesRows(call) ? 'rows' : undefined);

/** … and that sums may be taken through. */
const linear =
  (rule: Rule): Rule =>
  (call) =>
    all(call, 'partial') ? 'partial' : rule(call);

const product: Rule = ({ attrs, operands }) => {
  const [a, b] = operands as [Operand, Operand];
  if (a.layout === 'partial' || b.layout === 'partial')
    return a.layout === 'whole' || b.layout === 'whole' ? 'partial' : undefined;
  const rank = Math.max(a.shape.length, b.shape.length);
  if (rank > 2) {
    const fits = (x: Operand): boolean =>
      (x.layout === 'rows' && x.shape.length === rank) || besideRows(x, rank);
    return fits(a) && fits(b) ? 'rows' : undefined;
  }
  const across = attrs['transposeA'] === true;
  if (a.layout === 'rows' && b.layout === 'whole') return across ? undefined : 'rows';
  // Σ over the rows.
  return a.layout === 'rows' && b.layout === 'rows' && across && attrs['transposeB'] !== true
    ? 'partial'
    : undefined;
};

const sum: Rule = (call) => {
  const [x] = call.operands as [Operand];
  return x.layout === 'partial' || touchesRows(call) ? 'partial' : 'rows';
};

const scaled: Rule = (call) => {
  const partial = call.operands.filter(({ layout }) => layout === 'partial');
  if (partial.length === 0) return broadcast(call);
  return partial.length === 1 && call.operands.filter(({ layout }) => layout === 'whole').length === 1
    ? 'partial'
    : undefined;
};

/** Rows follow one another in memory, so a block of them is one of any shape. */
const reshape: Rule = ({ shape, rows }) => (isMultiple(shape[0], rows) ? 'rows' : undefined);

/** A layer with weights: rows in, rows out. */
const layer =
  (batched: string): Rule =>
  (call) =>
    call.operands.every((x) => (x.name === batched ? x.layout === 'rows' : x.layout === 'whole'))
      ? 'rows'
      : undefined;

const first = (list: unknown): unknown => (list as readonly unknown[])[0];

const rules = new Map<string, Rule>();
const define = (kernels: string, rule: Rule): void => {
  for (const kernel of kernels.split(' ')) rules.set(kernel, rule);
};

define(elementwise.join(' '), broadcast);
define('Neg Add Sub AddN', linear(broadcast));
define('Multiply', scaled);
define('RealDiv', (call) => (operand(call, 'b')?.layout === 'partial' ? undefined : scaled(call)));
define('BatchMatMul', product);
define('_FusedMatMul', (call) => {
  const [a, b, ...others] = call.operands as [Operand, Operand, ...Operand[]];
  const beside = others.every((x) => besideRows(x, call.shape.length));
  return beside && product({ ...call, operands: [a, b] }) === 'rows' ? 'rows' : undefined;
});
define('Sum', sum);
define('Mean Prod Max Min All Any ArgMax ArgMin Softmax LogSoftmax Cumsum Cumprod Reverse', within);
define('Reshape', linear(reshape));
define(
  'Transpose',
  linear((call) => (first(call.attrs['perm']) === 0 ? 'rows' : undefined)),
);
define('Concat SplitV Unpack', linear(within));
// Counted among the axes of the result.
define(
  'Pack',
  linear((call) => {
    const axis = call.attrs['axis'] as number;
    const isFirst = axis === 0 || axis === -call.shape.length;
    return all(call, 'rows') && !isFirst ? 'rows' : undefined;
  }),
);
define(
  'Slice',
  linear((call) => (call.shape[0] === call.operands[0]!.shape[0] ? 'rows' : undefined)),
);
const padded: Rule = (call) =>
  all(call, 'rows') && (first(call.attrs['paddings']) as readonly number[]).every((n) => n === 0)
    ? 'rows'
    : undefined;
define('MirrorPad', linear(padded));
define('PadV2', (call) => ((call.attrs['constantValue'] ?? 0) === 0 ? linear(padded) : padded)(call));
define('Tile', (call) => (all(call, 'rows') && first(call.attrs['reps']) === 1 ? 'rows' : undefined));
define('BroadcastTo', broadcast);
define('Conv2D FusedConv2D DepthwiseConv2dNative FusedDepthwiseConv2D', layer('x'));
define('Conv2DBackpropInput DepthwiseConv2dNativeBackpropInput', layer('dy'));
define('Conv2DBackpropFilter DepthwiseConv2dNativeBackpropFilter', (call) =>
  all(call, 'rows') ? 'partial' : undefined,
);
define('MaxPool AvgPool MaxPoolGrad AvgPoolGrad', (call) => (all(call, 'rows') ? 'rows' : undefined));
