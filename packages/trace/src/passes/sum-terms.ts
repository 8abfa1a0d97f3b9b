import type { ProgramBuilder } from '../ir/builder.ts';
import { axesOf, transposesOf } from '../ir/attributes.ts';
import { kernelOf, linearity } from '../ir/kernels.ts';
import { operandOf, sameShape, sizeOf, type Instruction } from '../ir/program.ts';

/**
 * Entries of an operand up to which stacking it with its like pays. A small matrix product costs its call; a large one
 * its arithmetic, and there the copy would come on top.
 */
const STACKED = 4096;

/**
 * The sum of values of one shape. Where all were made alike, as the summands of a weight's gradient are by the stages
 * of a step, the sum moves inside: Σ aᵢᵀ bᵢ is one product of the aᵢ and the bᵢ stacked, and a sum over rows of each is
 * one over the rows of all.
 *
 *     Σ Transpose(xᵢ)               →  Transpose(AddN(x₀, x₁, …))
 *     Σ Sum(xᵢ; axis 0)             →  Sum(Concat(x₀, x₁, …); axis 0)
 *     Σ BatchMatMul(aᵢᵀ, bᵢ)        →  BatchMatMul(Concat(a₀, a₁, …)ᵀ, Concat(b₀, b₁, …))
 */
export function sumOf(builder: ProgramBuilder, values: readonly number[]): number {
  if (values.length === 1) return values[0]!;
  const makers = values.flatMap((value) => builder.maker(value) ?? []);
  const alike =
    makers.length === values.length && makers.every((maker) => isAlike(builder, makers[0]!, maker));
  const inside = alike ? movedInside(builder, makers) : undefined;
  return (
    inside ??
    builder.call(
      'AddN',
      Object.fromEntries(values.map((value, i) => [String(i), value])),
      builder.shape(values[0]!),
    )
  );
}

function isAlike(builder: ProgramBuilder, a: Instruction, b: Instruction): boolean {
  return (
    a.kernel === b.kernel &&
    a.outputs.length === 1 &&
    JSON.stringify(a.attrs) === JSON.stringify(b.attrs) &&
    a.inputs.length === b.inputs.length &&
    a.inputs.every(({ value }, i) => sameShape(builder.shape(value), builder.shape(b.inputs[i]!.value)))
  );
}

function movedInside(builder: ProgramBuilder, makers: readonly Instruction[]): number | undefined {
  const { kernel, attrs, inputs, outputs } = makers[0]!;
  const shape = builder.shape(outputs[0]!);
  const operands = (name: string): number[] => makers.map((maker) => operandOf(maker, name));
  const [{ name } = { name: '' }] = inputs;
  const { elementwise, permutes } = kernelOf(kernel);
  if (inputs.length === 1 && (elementwise ?? permutes) && linearity(makers[0]!) === 'jointly')
    return builder.call(kernel, { [name]: sumOf(builder, operands(name)) }, shape, attrs);
  if (kernel === 'Sum') {
    const rank = builder.shape(inputs[0]!.value).length;
    if (!axesOf(attrs, rank).includes(0)) return undefined;
    const stacked = stack(builder, operands(name), 0);
    return stacked === undefined ? undefined : builder.call('Sum', { [name]: stacked }, shape, attrs);
  }
  if (kernel !== 'BatchMatMul' || shape.length !== 2) return undefined;
  // Stacked along the axis that the product sums over.
  const across = transposesOf(attrs);
  const a = stack(builder, operands('a'), across.a ? 0 : 1);
  const b = stack(builder, operands('b'), across.b ? 1 : 0);
  return a === undefined || b === undefined ? undefined : builder.call('BatchMatMul', { a, b }, shape, attrs);
}

/** The values one after the other along an axis, if they are small. */
function stack(builder: ProgramBuilder, values: readonly number[], axis: number): number | undefined {
  const shape = builder.shape(values[0]!);
  if (sizeOf(shape) > STACKED) return undefined;
  return builder.call(
    'Concat',
    Object.fromEntries(values.map((value, i) => [String(i), value])),
    shape.map((extent, i) => (i === axis ? extent * values.length : extent)),
    { axis },
  );
}
