import { beginOf, paddingsOf, axisOf, permOf, stridesOf } from '../ir/attributes.ts';
import { kernelOf } from '../ir/kernels.ts';
import {
  operandOf as operand,
  sameData,
  sameShape,
  restrict,
  sizeOf,
  type Attributes,
  type ConstantData,
  type Instruction,
  type Operand,
  type Program,
} from '../ir/program.ts';

/** What is known while a program is rewritten from its first instruction to its last. */
interface Scope {
  readonly program: Program;
  /** The instruction that made a value, as rewritten. */
  readonly maker: ReadonlyMap<number, Instruction>;
  shape(value: number): readonly number[];
  /** Whether the value is a constant all of whose entries are `entry`. */
  isUniform(value: number, entry: number): boolean;
}

/** What an instruction turns into: an earlier value in place of its result, or another instruction. */
type Rewrite = { readonly same: number } | { readonly as: Instruction } | undefined;

type Rule = (instruction: Instruction, scope: Scope) => Rewrite;

/**
 * Fewer instructions: views of views folded, neutral operations and unneeded broadcasts removed, common subexpressions merged,
 * dead code dropped. Results are the same to the last bit, but for the sign of zeros.
 *
 *     Reshape(Reshape(x))                      →  Reshape(x), or x
 *     Transpose(Transpose(x))                  →  Transpose(x), or x; a view where only axes of extent 1 move
 *     Slice(Concat(x, y)) of just y            →  y
 *     Add(x, 0), Multiply(x, 1), Sum of all 1  →  x
 *     Add(x, Multiply(row, ones))              →  Add(x, row)
 *     Tanh(x) … Tanh(x)                        →  Tanh(x), once
 */
export function simplify(program: Program): Program {
  const alias = new Map<number, number>();
  const maker = new Map<number, Instruction>();
  const seen = new Map<string, Instruction>();
  const at = (value: number): number => alias.get(value) ?? value;
  mergeConstants(program, alias);

  const scope: Scope = {
    program,
    maker,
    shape: (value) => program.values[value]!.shape,
    isUniform: (value, entry) => program.constants.get(value)?.every((x) => x === entry) ?? false,
  };
  const instructions: Instruction[] = [];
  for (const original of program.instructions) {
    let instruction: Instruction = {
      ...original,
      inputs: original.inputs.map(({ name, value }) => ({ name, value: at(value) })),
    };
    let same: number | undefined;
    for (let rewrite = applyRules(instruction, scope); rewrite; rewrite = applyRules(instruction, scope)) {
      if ('same' in rewrite) {
        same = rewrite.same;
        break;
      }
      instruction = rewrite.as;
    }
    if (same !== undefined) {
      alias.set(original.outputs[0]!, same);
      continue;
    }
    const key = keyOf(instruction, program);
    const twin = seen.get(key);
    if (twin) {
      instruction.outputs.forEach((output, i) => alias.set(output, twin.outputs[i]!));
      continue;
    }
    seen.set(key, instruction);
    instruction.outputs.forEach((output) => maker.set(output, instruction));
    instructions.push(instruction);
  }
  const outputs = program.outputs.map(({ name, value }) => ({ name, value: at(value) }));
  return restrict({ ...program, instructions }, outputs);
}

function keyOf({ kernel, attrs, inputs, outputs }: Instruction, program: Program): string {
  const operands = inputs.map(({ name, value }) => `${name}:${value}`);
  if (kernelOf(kernel).commutative) {
    const [a, b] = inputs.map(({ value }) => value).sort((x, y) => x - y);
    operands.splice(0, 2, `${a}`, `${b}`);
  }
  const shape = outputs.map((output) => program.values[output]!.shape.join('x')).join();
  return `${kernel}(${operands.join()})${JSON.stringify(attrs)}${shape}`;
}

/** Constants with the same contents become one. */
function mergeConstants(program: Program, alias: Map<number, number>): void {
  const buckets = new Map<string, { value: number; data: ConstantData }[]>();
  for (const [value, data] of program.constants) {
    const { shape, dtype } = program.values[value]!;
    const key = `${dtype}[${shape.join()}]${data.slice(0, 4).join()}`;
    const bucket = buckets.get(key) ?? [];
    const twin = bucket.find((other) => sameData(other.data, data));
    if (twin) alias.set(value, twin.value);
    else buckets.set(key, [...bucket, { value, data }]);
  }
}

function applyRules(instruction: Instruction, scope: Scope): Rewrite {
  for (const rule of rules) {
    const rewrite = rule(instruction, scope);
    if (rewrite) return rewrite;
  }
  return undefined;
}

const withInputs = (
  instruction: Instruction,
  inputs: readonly Operand[],
  attrs: Attributes = instruction.attrs,
): Rewrite => ({
  as: { ...instruction, inputs, attrs },
});

const views: Rule = (instruction, { maker, shape }) => {
  if (instruction.kernel !== 'Reshape') return undefined;
  const x = operand(instruction, 'x');
  if (sameShape(shape(x), shape(instruction.outputs[0]!))) return { same: x };
  const inner = maker.get(x);
  return inner?.kernel === 'Reshape' ? withInputs(instruction, inner.inputs) : undefined;
};

const transposes: Rule = (instruction, { maker, shape }) => {
  if (instruction.kernel !== 'Transpose') return undefined;
  const perm = permOf(instruction.attrs);
  const x = operand(instruction, 'x');
  if (perm.every((axis, i) => axis === i)) return { same: x };
  const inner = maker.get(x);
  if (inner?.kernel === 'Transpose') {
    const before = permOf(inner.attrs);
    return withInputs(instruction, inner.inputs, { perm: perm.map((axis) => before[axis]!) });
  }
  // Moving axes of extent 1 about moves no data.
  const moving = perm.filter((axis) => shape(x)[axis] !== 1);
  if (moving.some((axis, i) => i > 0 && axis < moving[i - 1]!)) return undefined;
  return { as: { ...instruction, kernel: 'Reshape', attrs: { shape: shape(instruction.outputs[0]!) } } };
};

/** A kernel that takes all there is, and gives it back. */
const idle: Rule = ({ kernel, inputs, outputs, attrs }, { shape, program: { values } }) => {
  if (inputs.length !== 1 || !kernelOf(kernel).idleAtFullSize) return undefined;
  if (kernel === 'StridedSlice' && !stridesOf(attrs).every((stride) => stride === 1)) return undefined;
  const x = inputs[0]!.value;
  if (values[x]!.dtype !== values[outputs[0]!]!.dtype) return undefined;
  if (sizeOf(shape(x)) !== sizeOf(shape(outputs[0]!))) return undefined;
  if (sameShape(shape(x), shape(outputs[0]!))) return { same: x };
  return {
    as: {
      kernel: 'Reshape',
      attrs: { shape: shape(outputs[0]!) },
      inputs: [{ name: 'x', value: x }],
      outputs,
    },
  };
};

/** A slice that takes back what a concatenation or a padding put in. */
const slices: Rule = (instruction, { maker, shape }) => {
  if (instruction.kernel !== 'Slice') return undefined;
  const inner = maker.get(operand(instruction, 'x'));
  const begin = beginOf(instruction.attrs);
  const result = shape(instruction.outputs[0]!);
  if (begin.length !== result.length) return undefined;
  if (inner?.kernel === 'PadV2') {
    const source = operand(inner, 'x');
    const paddings = paddingsOf(inner.attrs);
    return sameShape(shape(source), result) && begin.every((from, i) => from === paddings[i]![0])
      ? { same: source }
      : undefined;
  }
  if (inner?.kernel !== 'Concat') return undefined;
  const axis = axisOf(inner.attrs, result.length);
  let from = 0;
  for (const { value } of inner.inputs) {
    if (begin.every((at, i) => at === (i === axis ? from : 0)) && sameShape(shape(value), result))
      return { same: value };
    from += shape(value)[axis]!;
  }
  return undefined;
};

const neutral: Rule = (instruction, { shape, isUniform }) => {
  const { kernel, inputs, outputs } = instruction;
  const { neutral: entry, commutative } = kernelOf(kernel);
  if (entry === undefined) return undefined;
  const result = shape(outputs[0]!);
  const [a, b] = [inputs[0]!.value, inputs[1]!.value];
  if (isUniform(b, entry) && sameShape(shape(a), result)) return { same: a };
  if (commutative && isUniform(a, entry) && sameShape(shape(b), result)) return { same: b };
  return undefined;
};

/** x · ones, an explicit broadcast, whose user broadcasts anyway. */
const broadcasts: Rule = (instruction, { maker, shape, isUniform }) => {
  const { elementwise, operands } = kernelOf(instruction.kernel);
  if (!elementwise || operands !== 'a b') return undefined;
  const result = shape(instruction.outputs[0]!);
  const source = (value: number): number | undefined => {
    const inner = maker.get(value);
    if (inner?.kernel !== 'Multiply') return undefined;
    const [a, b] = [inner.inputs[0]!.value, inner.inputs[1]!.value];
    return isUniform(b, 1) ? a : isUniform(a, 1) ? b : undefined;
  };
  for (const [i, j] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const inner = source(instruction.inputs[i]!.value);
    if (inner === undefined || !sameShape(shape(instruction.inputs[j]!.value), result)) continue;
    return withInputs(
      instruction,
      instruction.inputs.map((input, k) => (k === i ? { ...input, value: inner } : input)),
    );
  }
  return undefined;
};

const rules: readonly Rule[] = [views, transposes, idle, slices, neutral, broadcasts];
