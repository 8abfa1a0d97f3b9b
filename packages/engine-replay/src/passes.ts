import {
  countUses,
  edit,
  kernels,
  multiplications,
  settings,
  sizeOf,
  type Editor,
  type Instruction,
  type Program,
} from '@odegrad/trace';

/** Multiplications of a product from which on it pays to transpose its operands first. */
const TRANSPOSED = 2 ** 11;
/** … and from which on to have it add a row, for which views of its operands are made. */
const BIASED = 2 ** 17;
/** Entries from which on a hyperbolic tangent is composed of faster kernels. */
const COMPOSED = 2 ** 12;

/**
 * The same program in kernels that TensorFlow.js' wasm backend runs fast. There a product with a transposed
 * operand takes ten times the time of a transposition and a plain product, and adding a bias is nearly free
 * when it is done by the product.
 */
export function rewriteForWasm(program: Program): Program {
  const editor = edit(program);
  const { shape, instructions } = editor;
  const uses = countUses(program);
  const transposed = new Map<number, number>();

  const transposedOf = (value: number): number => {
    const known = transposed.get(value);
    if (known !== undefined) return known;
    const axes = shape(value).map((_, i) => i);
    const perm = [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!];
    const turned = perm.map((axis) => shape(value)[axis]!);
    const result = editor.call('Transpose', { x: value }, { shape: turned }, { perm });
    transposed.set(value, result);
    return result;
  };

  /** The fused kernel reads three axes, whatever it is given. */
  const fuse = ({ product, bias }: Fusion, output: number): void => {
    instructions.splice(instructions.indexOf(product), 1);
    const [a, b] = product.inputs.map(({ value }) => editor.view(value, { shape: [1, ...shape(value)] }));
    const attrs = { ...product.attrs, activation: 'linear' };
    const result = { shape: [1, ...shape(output)] };
    editor.view(editor.call('_FusedMatMul', { a: a!, b: b!, bias }, result, attrs), { output });
  };

  /**
   * tanh x = (n − p) / (2 + n + p) with p = e^−2 max(x, 0) − 1 and n = e^2 min(x, 0) − 1, one of which is 0: elu
   * gives both to full relative precision, ten times as fast as the kernel of tanh.
   */
  const composeTanh = (x: number, output: number): void => {
    const like = { shape: shape(output) };
    const call = (kernel: string, operands: Readonly<Record<string, number>>): number =>
      editor.call(kernel, operands, like);
    const twice = call('Add', { a: x, b: x });
    const above = call('Relu', { x: twice });
    const below = call('Sub', { a: twice, b: above });
    const p = call('Elu', { x: call('Neg', { x: above }) });
    const n = call('Elu', { x: below });
    const two = editor.constant(Float32Array.of(2), []);
    const denominator = call('Add', { a: call('Add', { a: n, b: p }), b: two });
    editor.call('RealDiv', { a: call('Sub', { a: n, b: p }), b: denominator }, { output });
  };

  /** The sum over rows as a product with a row of ones: the kernel of sums transposes first. */
  const sumByProduct = (x: number, output: number, keepDims: boolean): void => {
    const [rows, columns] = shape(x) as [number, number];
    const ones = editor.constant(new Float32Array(rows).fill(1), [1, rows]);
    const result = keepDims ? { output } : { shape: [1, columns] };
    const product = { transposeA: false, transposeB: false };
    const sum = editor.call('BatchMatMul', { a: ones, b: x }, result, product);
    if (!keepDims) editor.view(sum, { output });
  };

  for (const instruction of program.instructions) {
    const { kernel, attrs, inputs, outputs } = instruction;
    const output = outputs[0]!;
    const fusion = kernel === 'Add' ? biasedProduct(instruction, editor, uses) : undefined;
    if (fusion) fuse(fusion, output);
    else if (kernel === 'Tanh' && sizeOf(shape(output)) >= COMPOSED) composeTanh(inputs[0]!.value, output);
    else if (sumsRows(instruction, editor)) sumByProduct(inputs[0]!.value, output, settings.keepsDims(attrs));
    else
      editor.keep(
        kernels[kernel]?.contracts === 'matrices'
          ? untransposed(instruction, shape, transposedOf)
          : instruction,
      );
  }
  return editor.finish();
}

function sumsRows({ kernel, attrs, inputs }: Instruction, { value }: Editor): boolean {
  if (kernel !== 'Sum') return false;
  const { shape, dtype } = value(inputs[0]!.value);
  return shape.length === 2 && dtype === 'float32' && settings.axesOf(attrs, 2).join() === '0';
}

function untransposed(
  product: Instruction,
  shape: Editor['shape'],
  transposedOf: (value: number) => number,
): Instruction {
  const { attrs, inputs } = product;
  const swap = settings.transposesOf(attrs);
  if (!(swap.a || swap.b) || multiplications(product, shape) < TRANSPOSED) return product;
  return {
    ...product,
    attrs: { ...attrs, transposeA: false, transposeB: false },
    inputs: inputs.map(({ name, value }) => ({
      name,
      value: (name === 'a' || name === 'b') && swap[name] ? transposedOf(value) : value,
    })),
  };
}

interface Fusion {
  readonly product: Instruction;
  readonly bias: number;
}

/** A large product of two matrices plus a row, where the product is used for nothing else. */
function biasedProduct(
  sum: Instruction,
  { instructions, shape }: Editor,
  uses: ReadonlyMap<number, number>,
): Fusion | undefined {
  for (const [own, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const value = sum.inputs[own]!.value;
    const bias = sum.inputs[other]!.value;
    const product = instructions.find(
      ({ kernel, outputs }) => kernel === 'BatchMatMul' && outputs[0] === value,
    );
    if (!product || uses.get(value) !== 1 || multiplications(product, shape) < BIASED) continue;
    const row = shape(bias);
    const flat = product.inputs.every((operand) => shape(operand.value).length === 2);
    if (flat && row.length === 1 && row[0] === shape(value).at(-1)) return { product, bias };
  }
  return undefined;
}
