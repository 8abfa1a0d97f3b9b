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

  for (const instruction of program.instructions) {
    const plain = instruction.kernel === 'BatchMatMul' || instruction.kernel === '_FusedMatMul' ? untransposed(instruction, values, transposedOf) : instruction;
    const fused = instruction.kernel === 'Add' ? withBias(instruction, instructions, values, uses) : undefined;
    if (fused) instructions.splice(fused.at, 1);
    instructions.push(fused?.instruction ?? plain);
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
  const { attrs, inputs, outputs } = product;
  const swap = { a: attrs['transposeA'] === true, b: attrs['transposeB'] === true };
  const a = inputs.find(({ name }) => name === 'a')!;
  const inner = values[a.value]!.shape.at(swap.a ? -2 : -1)!;
  if (!(swap.a || swap.b) || sizeOf(values[outputs[0]!]!.shape) * inner < WORTHWHILE) return product;
  return {
    ...product,
    attrs: { ...attrs, transposeA: false, transposeB: false },
    inputs: inputs.map(({ name, value }) => ({ name, value: (name === 'a' || name === 'b') && swap[name] ? transposedOf(value) : value })),
  };
}

/** `product + row` as one fused product, where the product is used for nothing else. */
function withBias(
  sum: Instruction,
  done: readonly Instruction[],
  values: readonly Value[],
  uses: ReadonlyMap<number, number>,
): { readonly at: number; readonly instruction: Instruction } | undefined {
  for (const [own, other] of [[0, 1], [1, 0]] as const) {
    const product = sum.inputs[own]!.value;
    const bias = sum.inputs[other]!.value;
    const at = done.findIndex(({ kernel, outputs }) => kernel === 'BatchMatMul' && outputs[0] === product);
    if (at < 0 || uses.get(product) !== 1) continue;
    const { shape } = values[product]!;
    const row = values[bias]!.shape;
    if (shape.length < 2 || row.length !== 1 || row[0] !== shape.at(-1)) continue;
    const { attrs, inputs } = done[at]!;
    return {
      at,
      instruction: { kernel: '_FusedMatMul', attrs: { ...attrs, activation: 'linear' }, inputs: [...inputs, { name: 'bias', value: bias }], outputs: sum.outputs },
    };
  }
  return undefined;
}
