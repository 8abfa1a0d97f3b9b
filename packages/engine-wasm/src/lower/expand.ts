import { edit, sizeOf, type Editor, type Instruction, type Program } from '@odegrad/trace';

import { axesOf } from './call.ts';
import { imagesOf } from './images.ts';
import { UnsupportedError } from './unsupported.ts';

type Expansion = (instruction: Instruction, editor: Editor) => void;

const operand = ({ inputs }: Instruction, name: string): number =>
  inputs.find((input) => input.name === name)!.value;
const optional = ({ inputs }: Instruction, name: string): number | undefined =>
  inputs.find((input) => input.name === name)?.value;

/** x − its largest entry along the last axis, and the sum of the exponentials of that. */
function shifted(
  x: number,
  axis: number,
  { call, shape }: Editor,
): { readonly y: number; readonly e: number; readonly sum: number } {
  const like = { shape: shape(x) };
  const line = { shape: shape(x).map((extent, k) => (k === axis ? 1 : extent)) };
  const most = call('Max', { x }, line, { reductionIndices: [axis], keepDims: true });
  const y = call('Sub', { a: x, b: most }, like);
  const e = call('Exp', { x: y }, like);
  return { y, e, sum: call('Sum', { x: e }, line, { axis: [axis], keepDims: true }) };
}

const softmax =
  (isLog: boolean): Expansion =>
  (instruction, editor) => {
    const { attrs, inputs, outputs } = instruction;
    const x = inputs[0]!.value;
    const output = outputs[0]!;
    const [axis] = axesOf(attrs[isLog ? 'axis' : 'dim'] ?? -1, editor.shape(x).length);
    const { y, e, sum } = shifted(x, axis!, editor);
    if (isLog) {
      const log = editor.call('Log', { x: sum }, { shape: editor.shape(sum) });
      editor.call('Sub', { a: y, b: log }, { output });
    } else editor.call('RealDiv', { a: e, b: sum }, { output });
  };

const activations: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

/** Adds a fused kernel's bias and applies its activation. */
function finished(instruction: Instruction, editor: Editor, x: number): void {
  const { attrs, kernel, outputs } = instruction;
  const output = outputs[0]!;
  const like = { shape: editor.shape(output) };
  const bias = optional(instruction, 'bias');
  const name = (attrs['activation'] as string | undefined) ?? 'linear';
  const biased =
    bias === undefined ? x : editor.call('Add', { a: x, b: bias }, name === 'linear' ? { output } : like);
  if (name === 'linear') {
    if (bias === undefined) editor.view(x, { output });
    return;
  }
  const activation = activations[name];
  if (!activation) throw new UnsupportedError(kernel, `with activation ${name} has no WebAssembly`);
  const weights = optional(instruction, 'preluActivationWeights');
  if (activation === 'Sigmoid') {
    logistic({ ...instruction, kernel: activation, inputs: [{ name: 'x', value: biased }] }, editor);
    return;
  }
  const operands = weights === undefined ? { x: biased } : { x: biased, alpha: weights };
  editor.call(activation, operands, { output }, { alpha: attrs['leakyreluAlpha'] ?? 0 });
}

const oneHot: Expansion = ({ attrs, inputs, outputs }, editor) => {
  const output = outputs[0]!;
  const { shape, dtype } = editor.value(output);
  const depth = attrs['depth'] as number;
  const ids = inputs[0]!.value;
  const numbers = editor.call(
    'Cast',
    { x: ids },
    { shape: editor.shape(ids), dtype: 'float32' },
    { dtype: 'float32' },
  );
  const column = editor.view(numbers, { shape: [...editor.shape(ids), 1] });
  const classes = editor.constant(
    Float32Array.from({ length: depth }, (_, i) => i),
    [depth],
  );
  const hit = editor.call('Equal', { a: column, b: classes }, { shape, dtype: 'bool' });
  const [on, off] = [
    (attrs['onValue'] as number | undefined) ?? 1,
    (attrs['offValue'] as number | undefined) ?? 0,
  ];
  if (on === 1 && off === 0) {
    editor.call('Cast', { x: hit }, { output }, { dtype });
    return;
  }
  const value = (x: number): number => editor.constant(new Float64Array(sizeOf(shape)).fill(x), shape);
  const chosen = editor.call(
    'Select',
    { condition: hit, t: value(on), e: value(off) },
    { shape, dtype: 'float32' },
  );
  editor.call('Cast', { x: chosen }, { output }, { dtype });
};

/** Padding by reflection: an axis at a time, with copies of its ends turned round. */
const mirrorPad: Expansion = ({ attrs, inputs, outputs }, editor) => {
  const paddings = attrs['paddings'] as readonly (readonly [number, number])[];
  const offset = attrs['mode'] === 'reflect' ? 1 : 0;
  let x = inputs[0]!.value;
  paddings.forEach(([before, after], axis) => {
    const shape = editor.shape(x);
    const part = (from: number, extent: number): number => {
      const begin = shape.map((_, k) => (k === axis ? from : 0));
      const size = shape.map((whole, k) => (k === axis ? extent : whole));
      const slice = editor.call('Slice', { x }, { shape: size }, { begin, size });
      return editor.call('Reverse', { x: slice }, { shape: size }, { dims: [axis] });
    };
    const parts = [
      ...(before > 0 ? [part(offset, before)] : []),
      x,
      ...(after > 0 ? [part(shape[axis]! - offset - after, after)] : []),
    ];
    if (parts.length === 1) return;
    const whole = shape.map((extent, k) => (k === axis ? extent + before + after : extent));
    x = editor.call(
      'Concat',
      Object.fromEntries(parts.map((value, i) => [String(i), value])),
      { shape: whole },
      { axis },
    );
  });
  editor.view(x, { output: outputs[0]! });
};

const batchNorm: Expansion = (instruction, editor) => {
  const { attrs, outputs } = instruction;
  const output = outputs[0]!;
  const like = { shape: editor.shape(output) };
  const [variance, scale, offset] = ['variance', 'scale', 'offset'].map((name) =>
    optional(instruction, name),
  );
  const epsilon = editor.constant(
    Float64Array.of((attrs['varianceEpsilon'] as number | undefined) ?? 0.001),
    [],
  );
  const narrow = { shape: editor.shape(variance!) };
  const deviation = editor.call(
    'Sqrt',
    { x: editor.call('Add', { a: variance!, b: epsilon }, narrow) },
    narrow,
  );
  const centred = editor.call('Sub', { a: operand(instruction, 'x'), b: operand(instruction, 'mean') }, like);
  let y = editor.call('RealDiv', { a: centred, b: deviation }, like);
  if (scale !== undefined) y = editor.call('Multiply', { a: y, b: scale }, like);
  if (offset !== undefined) y = editor.call('Add', { a: y, b: offset }, like);
  editor.view(y, { output });
};

/** Softplus and its derivative, the logistic function, have an exponential in common. */
const logistic: Expansion = ({ kernel, inputs, outputs }, editor) => {
  const x = inputs[0]!.value;
  const decay = editor.call('Decay', { x }, { shape: editor.shape(x) });
  editor.call(`${kernel}OfDecay`, { x, decay }, { output: outputs[0]! });
};

const expansions: Readonly<Record<string, Expansion>> = {
  Softplus: logistic,
  Sigmoid: logistic,
  Softmax: softmax(false),
  LogSoftmax: softmax(true),
  OneHot: oneHot,
  MirrorPad: mirrorPad,
  FusedBatchNorm: batchNorm,
  _FusedMatMul(instruction, editor) {
    const { attrs, outputs } = instruction;
    const { transposeA, transposeB } = attrs;
    const [a, b] = [operand(instruction, 'a'), operand(instruction, 'b')];
    const like = { shape: editor.shape(outputs[0]!) };
    finished(instruction, editor, editor.call('BatchMatMul', { a, b }, like, { transposeA, transposeB }));
  },
};

/** Writes a kernel on images out, if it is one. */
function expandImages(instruction: Instruction, editor: Editor): boolean {
  const result = imagesOf(instruction, editor);
  if (result === undefined) return false;
  if (instruction.kernel.startsWith('Fused')) finished(instruction, editor, result);
  else editor.view(result, { output: instruction.outputs[0]! });
  return true;
}

/** Sums of stacked summands, as steps have them for runtimes whose calls are dear, as sums again. */
const unstacked: Expansion = (instruction, editor) => {
  const { kernel, attrs, inputs, outputs } = instruction;
  const makers = inputs.map(({ value }) =>
    editor.instructions.find(({ outputs: [made] }) => made === value)!,
  );
  const shape = editor.shape(outputs[0]!);
  const summands = makers[0]!.inputs.map((_, i) =>
    editor.call(
      kernel,
      Object.fromEntries(inputs.map(({ name }, k) => [name, makers[k]!.inputs[i]!.value])),
      { shape },
      attrs,
    ),
  );
  const operands = Object.fromEntries(summands.map((value, i) => [String(i), value]));
  editor.call('AddN', operands, { output: outputs[0]! });
};

/** Whether a call sums over the rows of equally many arrays on top of one another. */
function sumsStacks({ kernel, attrs, inputs }: Instruction, { instructions, shape }: Editor): boolean {
  const isProduct = kernel === 'BatchMatMul' && attrs['transposeA'] === true && attrs['transposeB'] !== true;
  const isSum = kernel === 'Sum' && axesOf(attrs['axis'], shape(inputs[0]!.value).length).includes(0);
  if (!(isProduct || isSum)) return false;
  const heights = inputs.map(({ value }) => {
    const maker = instructions.find(({ outputs }) => outputs[0] === value);
    if (maker?.kernel !== 'Concat' || maker.attrs['axis'] !== 0 || shape(value).length > 2) return undefined;
    return maker.inputs.map((x) => shape(x.value)[0]).join();
  });
  return heights.every((height) => height !== undefined && height === heights[0]);
}

/**
 * The same program in kernels that are loops each:
 *
 *     Softmax(x)              →  Max, Sub, Exp, Sum, RealDiv
 *     _FusedMatMul(a, b, c)   →  BatchMatMul, Add, the activation
 *     Softplus(x)             →  Decay, which is e^−|x|, SoftplusOfDecay
 *     aᵀ b of stacked a, b    →  AddN of the products of the layers
 */
export function expand(program: Program): Program {
  const editor = edit(program);
  for (const instruction of program.instructions) {
    const { kernel, outputs } = instruction;
    if (Object.hasOwn(expansions, kernel) && sizeOf(editor.shape(outputs[0]!)) > 0)
      expansions[kernel]!(instruction, editor);
    else if (expandImages(instruction, editor)) continue;
    else if (sumsStacks(instruction, editor)) unstacked(instruction, editor);
    else editor.keep(instruction);
  }
  return editor.finish();
}
