import { countUses, sizeOf, type Instruction, type Program, type Value } from './program.ts';
import { multiplications } from './work.ts';

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
  const values = [...program.values];
  const constants = new Map(program.constants);
  const uses = countUses(program);
  const transposed = new Map<number, number>();
  const instructions: Instruction[] = [];

  const transposedOf = (value: number): number => {
    const known = transposed.get(value);
    if (known !== undefined) return known;
    const { shape, dtype } = values[value]!;
    const axes = shape.map((_, i) => i);
    const perm = [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!];
    const result = values.push({ shape: perm.map((axis) => shape[axis]!), dtype }) - 1;
    instructions.push({
      kernel: 'Transpose',
      attrs: { perm },
      inputs: [{ name: 'x', value }],
      outputs: [result],
    });
    transposed.set(value, result);
    return result;
  };

  const reshaped = (value: number, shape: readonly number[]): number => {
    const result = values.push({ shape, dtype: values[value]!.dtype }) - 1;
    instructions.push({
      kernel: 'Reshape',
      attrs: { shape: [...shape] },
      inputs: [{ name: 'x', value }],
      outputs: [result],
    });
    return result;
  };

  /** The fused kernel reads three axes, whatever it is given. */
  const fuse = ({ product, bias }: Fusion, sum: Instruction): void => {
    instructions.splice(instructions.indexOf(product), 1);
    const shape = values[sum.outputs[0]!]!.shape;
    const inputs = product.inputs.map(({ name, value }) => ({
      name,
      value: reshaped(value, [1, ...values[value]!.shape]),
    }));
    const result = values.push({ shape: [1, ...shape], dtype: 'float32' }) - 1;
    const attrs = { ...product.attrs, activation: 'linear' };
    instructions.push({
      kernel: '_FusedMatMul',
      attrs,
      inputs: [...inputs, { name: 'bias', value: bias }],
      outputs: [result],
    });
    instructions.push({
      kernel: 'Reshape',
      attrs: { shape: [...shape] },
      inputs: [{ name: 'x', value: result }],
      outputs: sum.outputs,
    });
  };

  /**
   * tanh x = (n − p) / (2 + n + p) with p = e^−2 max(x, 0) − 1 and n = e^2 min(x, 0) − 1, one of which is 0: elu
   * gives both to full relative precision, ten times as fast as the kernel of tanh.
   */
  const composeTanh = ({ inputs, outputs }: Instruction): void => {
    const { shape } = values[outputs[0]!]!;
    const call = (kernel: string, operands: Readonly<Record<string, number>>, output?: number): number => {
      const result = output ?? values.push({ shape, dtype: 'float32' }) - 1;
      instructions.push({
        kernel,
        attrs: {},
        inputs: Object.entries(operands).map(([name, value]) => ({ name, value })),
        outputs: [result],
      });
      return result;
    };
    const twice = call('Add', { a: inputs[0]!.value, b: inputs[0]!.value });
    const above = call('Relu', { x: twice });
    const below = call('Sub', { a: twice, b: above });
    const p = call('Elu', { x: call('Neg', { x: above }) });
    const n = call('Elu', { x: below });
    const two = values.push({ shape: [], dtype: 'float32' }) - 1;
    constants.set(two, Float32Array.of(2));
    const denominator = call('Add', { a: call('Add', { a: n, b: p }), b: two });
    call('RealDiv', { a: call('Sub', { a: n, b: p }), b: denominator }, outputs[0]);
  };

  /** The sum over rows as a product with a row of ones: the kernel of sums transposes first. */
  const sumByProduct = ({ inputs, outputs, attrs }: Instruction): void => {
    const x = inputs[0]!.value;
    const [rows, columns] = values[x]!.shape as [number, number];
    const ones = values.push({ shape: [1, rows], dtype: 'float32' }) - 1;
    constants.set(ones, new Float32Array(rows).fill(1));
    const keep = attrs['keepDims'] === true;
    const result = keep ? outputs[0]! : values.push({ shape: [1, columns], dtype: 'float32' }) - 1;
    const product = { transposeA: false, transposeB: false };
    instructions.push({
      kernel: 'BatchMatMul',
      attrs: product,
      inputs: [
        { name: 'a', value: ones },
        { name: 'b', value: x },
      ],
      outputs: [result],
    });
    if (!keep)
      instructions.push({
        kernel: 'Reshape',
        attrs: { shape: [columns] },
        inputs: [{ name: 'x', value: result }],
        outputs,
      });
  };

  for (const instruction of program.instructions) {
    const fusion =
      instruction.kernel === 'Add' ? biasedProduct(instruction, instructions, values, uses) : undefined;
    if (fusion) fuse(fusion, instruction);
    else if (instruction.kernel === 'Tanh' && sizeOf(values[instruction.outputs[0]!]!.shape) >= COMPOSED)
      composeTanh(instruction);
    else if (sumsRows(instruction, values)) sumByProduct(instruction);
    else
      instructions.push(
        /MatMul$/.test(instruction.kernel) ? untransposed(instruction, values, transposedOf) : instruction,
      );
  }
  return { ...program, values, constants, instructions };
}

function sumsRows({ kernel, attrs, inputs }: Instruction, values: readonly Value[]): boolean {
  if (kernel !== 'Sum') return false;
  const { shape, dtype } = values[inputs[0]!.value]!;
  return shape.length === 2 && dtype === 'float32' && [attrs['axis']].flat().join() === '0';
}

function untransposed(
  product: Instruction,
  values: readonly Value[],
  transposedOf: (value: number) => number,
): Instruction {
  const { attrs, inputs } = product;
  const swap = { a: attrs['transposeA'] === true, b: attrs['transposeB'] === true };
  if (!(swap.a || swap.b) || multiplications(product, values) < TRANSPOSED) return product;
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
  done: readonly Instruction[],
  values: readonly Value[],
  uses: ReadonlyMap<number, number>,
): Fusion | undefined {
  for (const [own, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const value = sum.inputs[own]!.value;
    const bias = sum.inputs[other]!.value;
    const product = done.find(({ kernel, outputs }) => kernel === 'BatchMatMul' && outputs[0] === value);
    if (!product || uses.get(value) !== 1 || multiplications(product, values) < BIASED) continue;
    const { shape } = values[value]!;
    const row = values[bias]!.shape;
    const flat = product.inputs.every((operand) => values[operand.value]!.shape.length === 2);
    if (flat && row.length === 1 && row[0] === shape.at(-1)) return { product, bias };
  }
  return undefined;
}
