import {
  countUses,
  edit,
  kernels,
  makersOf,
  multiplications,
  settings,
  sizeOf,
  type Instruction,
  type Pass,
  type Program,
} from '@odegrad/trace';

/** Multiplications of a product from which on it pays to transpose its operands first. */
const TRANSPOSED = 2 ** 11;
/** … and from which on to have it add a row, for which views of its operands are made. */
const BIASED = 2 ** 17;
/** Entries from which on a hyperbolic tangent is composed of faster kernels. */
const COMPOSED = 2 ** 12;

/**
 * Products without transposed operands, with which they take ten times the time of a transposition and a plain product.
 *
 *     BatchMatMul(a, b; transposeB)  →  BatchMatMul(a, Transpose(b))
 */
function plainProducts(program: Program): Program {
  const editor = edit(program);
  const { shape } = editor;
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
  for (const instruction of program.instructions) {
    const { kernel, attrs, inputs } = instruction;
    const across = settings.transposesOf(attrs);
    const isProduct = kernels[kernel]?.contracts === 'matrices' && (across.a || across.b);
    if (!isProduct || multiplications(instruction, shape) < TRANSPOSED) {
      editor.keep(instruction);
      continue;
    }
    const turns = (name: string): boolean => (name === 'a' || name === 'b') && across[name];
    editor.keep({
      ...instruction,
      attrs: { ...attrs, transposeA: false, transposeB: false },
      inputs: inputs.map(({ name, value }) => ({ name, value: turns(name) ? transposedOf(value) : value })),
    });
  }
  return editor.finish();
}

/**
 * Rows added by large products, which costs them next to nothing, where these are used for nothing else. The fused kernel reads three
 * axes, whatever it is given.
 *
 *     Add(BatchMatMul(a, b), row)  →  Reshape(_FusedMatMul(Reshape(a), Reshape(b), row))
 */
function biasesInProducts(program: Program): Program {
  const editor = edit(program);
  const { instructions, shape } = editor;
  const makers = makersOf(program);
  const uses = countUses(program);
  const productOf = (value: number, row: number): Instruction | undefined => {
    const product = makers.get(value);
    if (product?.kernel !== 'BatchMatMul' || uses.get(value) !== 1) return undefined;
    if (multiplications(product, shape) < BIASED) return undefined;
    const isFlat = product.inputs.every((operand) => shape(operand.value).length === 2);
    return isFlat && shape(row).length === 1 && shape(row)[0] === shape(value).at(-1) ? product : undefined;
  };
  for (const instruction of program.instructions) {
    const [a, b] = instruction.inputs.map(({ value }) => value) as [number, number];
    const isSum = instruction.kernel === 'Add';
    const product = isSum ? (productOf(a, b) ?? productOf(b, a)) : undefined;
    if (!product) {
      editor.keep(instruction);
      continue;
    }
    const [output] = instruction.outputs as [number];
    instructions.splice(instructions.indexOf(product), 1);
    const [x, w] = product.inputs.map(({ value }) => editor.view(value, { shape: [1, ...shape(value)] }));
    const operands = { a: x!, b: w!, bias: product.outputs[0] === a ? b : a };
    const fused = editor.call(
      '_FusedMatMul',
      operands,
      { shape: [1, ...shape(output)] },
      { ...product.attrs, activation: 'linear' },
    );
    editor.view(fused, { output });
  }
  return editor.finish();
}

/**
 * Large hyperbolic tangents by faster kernels: with p = e^−2 max(x, 0) − 1 and n = e^2 min(x, 0) − 1, one of which is 0 and both of
 * which `Elu` gives to full relative precision, ten times as fast as the kernel of tanh is.
 *
 *     Tanh(x)  →  RealDiv(Sub(n, p), Add(Add(n, p), 2))
 */
function composedTanh(program: Program): Program {
  const editor = edit(program);
  for (const instruction of program.instructions) {
    const [output] = instruction.outputs as [number];
    const like = { shape: editor.shape(output) };
    if (instruction.kernel !== 'Tanh' || sizeOf(like.shape) < COMPOSED) {
      editor.keep(instruction);
      continue;
    }
    const call = (kernel: string, operands: Readonly<Record<string, number>>): number =>
      editor.call(kernel, operands, like);
    const x = instruction.inputs[0]!.value;
    const twice = call('Add', { a: x, b: x });
    const above = call('Relu', { x: twice });
    const below = call('Sub', { a: twice, b: above });
    const p = call('Elu', { x: call('Neg', { x: above }) });
    const n = call('Elu', { x: below });
    const two = editor.constant(Float32Array.of(2), []);
    const denominator = call('Add', { a: call('Add', { a: n, b: p }), b: two });
    editor.call('RealDiv', { a: call('Sub', { a: n, b: p }), b: denominator }, { output });
  }
  return editor.finish();
}

/**
 * Sums over the rows of a matrix as products: the kernel of sums transposes first.
 *
 *     Sum(x; axis 0)  →  BatchMatMul(ones, x)
 */
function rowSums(program: Program): Program {
  const editor = edit(program);
  for (const instruction of program.instructions) {
    const { kernel, attrs, inputs, outputs } = instruction;
    const [output] = outputs as [number];
    const { shape, dtype } = kernel === 'Sum' ? editor.value(inputs[0]!.value) : { shape: [], dtype: 'bool' };
    const [rows, columns] = shape as [number, number];
    if (shape.length !== 2 || dtype !== 'float32' || settings.axesOf(attrs, 2).join() !== '0') {
      editor.keep(instruction);
      continue;
    }
    const ones = editor.constant(new Float32Array(rows).fill(1), [1, rows]);
    const keepDims = settings.keepsDims(attrs);
    const sum = editor.call(
      'BatchMatMul',
      { a: ones, b: inputs[0]!.value },
      keepDims ? { output } : { shape: [1, columns] },
      { transposeA: false, transposeB: false },
    );
    if (!keepDims) editor.view(sum, { output });
  }
  return editor.finish();
}

/** What leaves kernels that TensorFlow.js' wasm backend runs fast. */
export const wasmPasses: readonly Pass[] = [
  { name: 'plain products', run: plainProducts },
  { name: 'biases in products', run: biasesInProducts },
  { name: 'composed tanh', run: composedTanh },
  { name: 'row sums', run: rowSums },
];
