import {
  offsets,
  settings,
  sizeOf,
  windowsOf,
  type Editor,
  type Instruction,
  type Windows,
} from '@odegrad/trace';

import { strided, total, windowsIn } from './windows.ts';

/** What a kernel on images gives, from its operands with the channels last. */
type Images = (editor: Editor, of: (name: string) => number, instruction: Instruction) => number;

const call2 = (editor: Editor, kernel: string, a: number, b: number, shape: readonly number[]): number =>
  editor.call(kernel, { a, b }, { shape });

function multiply(editor: Editor, a: number, b: number, transposeA = false): number {
  const [rows, columns] = [editor.shape(a)[transposeA ? 1 : 0]!, editor.shape(b)[1]!];
  return editor.call('BatchMatMul', { a, b }, { shape: [rows, columns] }, { transposeA, transposeB: false });
}

/** All windows as rows: `[batch · height · width, places · channels]`. */
function patches(editor: Editor, parts: readonly number[]): number {
  const [batch, height, width, channels] = editor.shape(parts[0]!) as [number, number, number, number];
  const operands = Object.fromEntries(parts.map((x, i) => [String(i), x]));
  const shape = [batch, height, width, channels * parts.length];
  const joined = editor.call('Concat', operands, { shape }, { axis: 3 });
  return editor.view(joined, { shape: [batch * height * width, channels * parts.length] });
}

const flat = (editor: Editor, x: number): number => {
  const shape = editor.shape(x);
  return editor.view(x, { shape: [sizeOf(shape.slice(0, 3)), shape[3]!] });
};

const isDepthwise = ({ kernel }: Instruction): boolean => kernel.includes('Depthwise');
const convolutionOf = (
  instruction: Instruction,
  input: readonly number[],
  filter: readonly number[],
): Windows => windowsOf(settings.convolutionOf(instruction.attrs, input, filter, isDepthwise(instruction)));

/** The filter turned round within its window. */
const reversed = (editor: Editor, filter: number): number =>
  editor.call('Reverse', { x: filter }, { shape: editor.shape(filter) }, { dims: [0, 1] });

const convolution: Images = (editor, of, instruction) => {
  const filter = of('filter');
  const windows = convolutionOf(instruction, shapeGiven(editor, instruction, 'x'), editor.shape(filter));
  const rows = patches(editor, windowsIn(editor).parts(of('x'), windows));
  return editor.view(multiply(editor, rows, flat(editor, filter)), { shape: windows.outShape });
};

const backpropFilter: Images = (editor, of, instruction) => {
  const shape = settings.filterShapeOf(instruction.attrs);
  const windows = convolutionOf(instruction, shapeGiven(editor, instruction, 'x'), shape);
  const rows = patches(editor, windowsIn(editor).parts(of('x'), windows));
  return editor.view(multiply(editor, rows, flat(editor, of('dy')), true), { shape });
};

/** A convolution of dy with the filter turned round, its channels swapped. */
const backpropInput: Images = (editor, of, instruction) => {
  const filter = of('filter');
  const windows = convolutionOf(instruction, settings.inputShapeOf(instruction.attrs), editor.shape(filter));
  const rows = patches(editor, windowsIn(editor).transposed(of('dy'), windows));
  const [height, width, inner, outer] = editor.shape(filter) as [number, number, number, number];
  const swapped = editor.call(
    'Transpose',
    { x: reversed(editor, filter) },
    { shape: [height, width, outer, inner] },
    { perm: [0, 1, 3, 2] },
  );
  return editor.view(multiply(editor, rows, flat(editor, swapped)), { shape: windows.inShape });
};

/** The filter of a depthwise convolution at one place within the window: `[channels, multiplier]`. */
function place(editor: Editor, filter: number, [i, j]: readonly [number, number]): number {
  const [, , channels, multiplier] = editor.shape(filter) as [number, number, number, number];
  const part = strided(editor, filter, [i, j, 0, 0], [i + 1, j + 1, channels, multiplier]);
  return editor.view(part, { shape: [channels, multiplier] });
}

const depthwise: Images = (editor, of, instruction) => {
  const filter = of('filter');
  const [, , channels, multiplier] = editor.shape(filter) as [number, number, number, number];
  const windows = convolutionOf(instruction, shapeGiven(editor, instruction, 'x'), editor.shape(filter));
  const parts = windowsIn(editor).parts(of('x'), windows);
  const shape = [...windows.outShape.slice(0, 3), channels, multiplier];
  const terms = offsets(windows).map((at, k) => {
    const open = editor.view(parts[k]!, { shape: [...editor.shape(parts[k]!), 1] });
    return call2(editor, 'Multiply', open, place(editor, filter, at), shape);
  });
  return editor.view(total(editor, terms), { shape: windows.outShape });
};

const depthwiseBackpropInput: Images = (editor, of, instruction) => {
  const filter = reversed(editor, of('filter'));
  const [, , channels, multiplier] = editor.shape(filter) as [number, number, number, number];
  const windows = convolutionOf(instruction, settings.inputShapeOf(instruction.attrs), editor.shape(filter));
  const parts = windowsIn(editor).transposed(of('dy'), windows);
  const shape = [...windows.inShape.slice(0, 3), channels, multiplier];
  const terms = offsets(windows).map((at, k) =>
    call2(editor, 'Multiply', editor.view(parts[k]!, { shape }), place(editor, filter, at), shape),
  );
  const attrs = { axis: [4], keepDims: false };
  return editor.call('Sum', { x: total(editor, terms) }, { shape: windows.inShape }, attrs);
};

const depthwiseBackpropFilter: Images = (editor, of, instruction) => {
  const shape = settings.filterShapeOf(instruction.attrs) as [number, number, number, number];
  const windows = convolutionOf(instruction, shapeGiven(editor, instruction, 'x'), shape);
  const open = [...windows.outShape.slice(0, 3), shape[2], shape[3]];
  const dy = editor.view(of('dy'), { shape: open });
  const parts = windowsIn(editor)
    .parts(of('x'), windows)
    .map((part) => {
      const wide = editor.view(part, { shape: [...editor.shape(part), 1] });
      const product = call2(editor, 'Multiply', wide, dy, open);
      return editor.call(
        'Sum',
        { x: product },
        { shape: [shape[2], shape[3]] },
        { axis: [0, 1, 2], keepDims: false },
      );
    });
  const operands = Object.fromEntries(parts.map((x, i) => [String(i), x]));
  const all = editor.call('Pack', operands, { shape: [parts.length, shape[2], shape[3]] }, { axis: 0 });
  return editor.view(all, { shape });
};

/** How many entries of each window lie within the image: `[1, height out, width out, 1]`. */
function counts(editor: Editor, { axes: [rows, columns] }: Windows): number {
  const inside = ({ input, output, size, stride, dilation, before }: Windows['axes'][0]): number[] =>
    Array.from({ length: output }, (_, i) => {
      const places = Array.from({ length: size }, (__, k) => i * stride + k * dilation - before);
      return places.filter((at) => at >= 0 && at < input).length;
    });
  const [down, across] = [inside(rows), inside(columns)];
  const values = Float32Array.from(down.flatMap((n) => across.map((m) => n * m)));
  return editor.constant(values, [1, rows.output, columns.output, 1]);
}

const poolingOf = ({ attrs }: Instruction, input: readonly number[]): Windows =>
  windowsOf(settings.poolingOf(attrs, input));

const averagePool: Images = (editor, of, instruction) => {
  const windows = poolingOf(instruction, editor.shape(of('x')));
  const sum = total(editor, windowsIn(editor).parts(of('x'), windows));
  return call2(editor, 'RealDiv', sum, counts(editor, windows), windows.outShape);
};

// TensorFlow.js divides by the size of the window here, at the borders too.
const averagePoolGradient: Images = (editor, of, instruction) => {
  const windows = poolingOf(instruction, editor.shape(of('input')));
  const [rows, columns] = windows.axes;
  const share = editor.constant(Float64Array.of(1 / (rows.size * columns.size)), []);
  const sum = total(editor, windowsIn(editor).transposed(of('dy'), windows));
  return call2(editor, 'Multiply', sum, share, windows.inShape);
};

const maximumPool: Images = (editor, of, instruction) => {
  const windows = poolingOf(instruction, editor.shape(of('x')));
  return windowsIn(editor)
    .parts(of('x'), windows, -Infinity)
    .reduce((a, b) => call2(editor, 'Maximum', a, b, windows.outShape));
};

/** The cotangent goes to the first entry of the window that is its maximum. */
const maximumPoolGradient: Images = (editor, of, instruction) => {
  const windows = poolingOf(instruction, editor.shape(of('input')));
  const like = { shape: windows.outShape };
  const truth = { ...like, dtype: 'bool' } as const;
  let free: number | undefined;
  const shares = windowsIn(editor)
    .parts(of('input'), windows, -Infinity)
    .map((part) => {
      const equal = editor.call('Equal', { a: part, b: of('output') }, truth);
      const hit = free === undefined ? equal : editor.call('LogicalAnd', { a: equal, b: free }, truth);
      const missed = editor.call('LogicalNot', { x: hit }, truth);
      free = free === undefined ? missed : editor.call('LogicalAnd', { a: free, b: missed }, truth);
      const share = editor.call('Cast', { x: hit }, { ...like, dtype: 'float32' }, { dtype: 'float32' });
      return call2(editor, 'Multiply', of('dy'), share, windows.outShape);
    });
  return windowsIn(editor).scatter(shares, windows);
};

const given = ({ inputs }: Instruction, name: string): number =>
  inputs.find((input) => input.name === name)!.value;

/** The shape of an operand as the kernel has it. */
const shapeGiven = (editor: Editor, instruction: Instruction, name: string): readonly number[] =>
  editor.shape(given(instruction, name));

/** Kernels on images by convolutions of their patches: products, sums and extrema of windows. */
const table: Readonly<Record<string, Images>> = {
  Conv2D: convolution,
  FusedConv2D: convolution,
  Conv2DBackpropInput: backpropInput,
  Conv2DBackpropFilter: backpropFilter,
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2D: depthwise,
  DepthwiseConv2dNativeBackpropInput: depthwiseBackpropInput,
  DepthwiseConv2dNativeBackpropFilter: depthwiseBackpropFilter,
  AvgPool: averagePool,
  AvgPoolGrad: averagePoolGradient,
  MaxPool: maximumPool,
  MaxPoolGrad: maximumPoolGradient,
};

/** What a kernel on images gives, in the kernel's own format; undefined for others. */
export function imagesOf(instruction: Instruction, editor: Editor): number | undefined {
  const { kernel, attrs } = instruction;
  if (!Object.hasOwn(table, kernel)) return undefined;
  const isFirst = settings.hasChannelsFirst(attrs);
  const transposed = (x: number, perm: readonly number[]): number =>
    editor.call(
      'Transpose',
      { x },
      { shape: perm.map((axis) => editor.shape(x)[axis]!) },
      { perm: [...perm] },
    );
  const of = (name: string): number => {
    const x = given(instruction, name);
    return isFirst && name !== 'filter' ? transposed(x, [0, 2, 3, 1]) : x;
  };
  const result = table[kernel]!(editor, of, instruction);
  return isFirst && !kernel.endsWith('Filter') ? transposed(result, [0, 3, 1, 2]) : result;
}
