import { sizeOf, type Instruction, type Operand, type Port, type Program, type Value } from './program.ts';

/**
 * Products with fewer multiplications than this stay as they are: copying the transposed matrix costs a
 * kernel call, some microseconds.
 */
const WORTHWHILE = 2 ** 17;

/**
 * The same program in kernels that TensorFlow.js' wasm backend runs fast. There a product with a transposed
 * operand takes ten times the time of a transposition and a plain product, and adding a bias is nearly free
 * when it is done by the product.
 */
export function rewriteForWasm(program: Program): Program {
  const values = [...program.values];
  const uses = useCounts(program);
  const transposed = new Map<number, number>();
  const instructions: Instruction[] = [];

  const transposedOf = (value: number): number => {
    const known = transposed.get(value);
    if (known !== undefined) return known;
    const { shape, dtype } = values[value]!;
    const axes = shape.map((_, i) => i);
    const perm = [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!];
    const result = values.push({ shape: perm.map((axis) => shape[axis]!), dtype }) - 1;
    instructions.push({ kernel: 'Transpose', attrs: { perm }, inputs: [{ name: 'x', value }], outputs: [result] });
    transposed.set(value, result);
    return result;
  };

  const reshaped = (value: number, shape: readonly number[]): number => {
    const result = values.push({ shape, dtype: values[value]!.dtype }) - 1;
    instructions.push({ kernel: 'Reshape', attrs: { shape: [...shape] }, inputs: [{ name: 'x', value }], outputs: [result] });
    return result;
  };

  /** The fused kernel reads three axes, whatever it is given. */
  const fuse = ({ product, bias }: Fusion, sum: Instruction): void => {
    instructions.splice(instructions.indexOf(product), 1);
    const shape = values[sum.outputs[0]!]!.shape;
    const inputs = product.inputs.map(({ name, value }) => ({ name, value: reshaped(value, [1, ...values[value]!.shape]) }));
    const result = values.push({ shape: [1, ...shape], dtype: 'float32' }) - 1;
    const attrs = { ...product.attrs, activation: 'linear' };
    instructions.push({ kernel: '_FusedMatMul', attrs, inputs: [...inputs, { name: 'bias', value: bias }], outputs: [result] });
    instructions.push({ kernel: 'Reshape', attrs: { shape: [...shape] }, inputs: [{ name: 'x', value: result }], outputs: sum.outputs });
  };

  for (const instruction of program.instructions) {
    const fusion = instruction.kernel === 'Add' ? biasedProduct(instruction, instructions, values, uses) : undefined;
    if (fusion) fuse(fusion, instruction);
    else instructions.push(/MatMul$/.test(instruction.kernel) ? untransposed(instruction, values, transposedOf) : instruction);
  }
  return { ...program, values, instructions };
}

function useCounts(program: Program): Map<number, number> {
  const counts = new Map<number, number>();
  const count = ({ value }: Operand | Port): unknown => counts.set(value, (counts.get(value) ?? 0) + 1);
  program.instructions.forEach(({ inputs }) => { inputs.forEach(count); });
  program.outputs.forEach(count);
  return counts;
}

function untransposed(product: Instruction, values: readonly Value[], transposedOf: (value: number) => number): Instruction {
  const { attrs, inputs } = product;
  const swap = { a: attrs['transposeA'] === true, b: attrs['transposeB'] === true };
  if (!(swap.a || swap.b) || work(product, values) < WORTHWHILE) return product;
  return {
    ...product,
    attrs: { ...attrs, transposeA: false, transposeB: false },
    inputs: inputs.map(({ name, value }) => ({ name, value: (name === 'a' || name === 'b') && swap[name] ? transposedOf(value) : value })),
  };
}

interface Fusion {
  readonly product: Instruction;
  readonly bias: number;
}

/** A large product of two matrices plus a row, where the product is used for nothing else. */
function biasedProduct(sum: Instruction, done: readonly Instruction[], values: readonly Value[], uses: ReadonlyMap<number, number>): Fusion | undefined {
  for (const [own, other] of [[0, 1], [1, 0]] as const) {
    const value = sum.inputs[own]!.value;
    const bias = sum.inputs[other]!.value;
    const product = done.find(({ kernel, outputs }) => kernel === 'BatchMatMul' && outputs[0] === value);
    if (!product || uses.get(value) !== 1 || work(product, values) < WORTHWHILE) continue;
    const { shape } = values[value]!;
    const row = values[bias]!.shape;
    const flat = product.inputs.every((operand) => values[operand.value]!.shape.length === 2);
    if (flat && row.length === 1 && row[0] === shape.at(-1)) return { product, bias };
  }
  return undefined;
}

/** Multiplications of a product. */
function work({ attrs, inputs, outputs }: Instruction, values: readonly Value[]): number {
  const a = inputs.find(({ name }) => name === 'a')!;
  return sizeOf(values[outputs[0]!]!.shape) * values[a.value]!.shape.at(attrs['transposeA'] === true ? -2 : -1)!;
}
