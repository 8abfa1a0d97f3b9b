/** Element types of TensorFlow.js, complex numbers and strings excepted. */
export type TensorType = 'float32' | 'int32' | 'bool';

/** Element types that a program knows: those of what is recorded, and doubles for sums. */
export type ElementType = TensorType | 'float64';

/** Data of a constant, as TensorFlow.js holds it; numbers as f writes them where they are recorded for doubles. */
export type ConstantData = Float32Array | Float64Array | Int32Array | Uint8Array;

/** What is known of an intermediate result before anything is computed. */
export interface Value {
  readonly shape: readonly number[];
  readonly dtype: ElementType;
}

/** Settings of a kernel, as TensorFlow.js passes them. */
export type Attributes = Readonly<Record<string, unknown>>;

/** One operand: the name under which the kernel expects it, and the index of its value. */
export interface Operand {
  readonly name: string;
  readonly value: number;
}

/** One kernel call. Values are named by their index in `Program.values`. */
export interface Instruction {
  readonly kernel: string;
  readonly attrs: Attributes;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly number[];
}

/** A value that enters or leaves a program under a name. */
export interface Port {
  readonly name: string;
  readonly value: number;
}

/**
 * A straight-line program on tensors of fixed shapes: instructions in the order in which they run, each
 * assigning values that nothing assigned before.
 */
export interface Program {
  readonly values: readonly Value[];
  readonly inputs: readonly Port[];
  readonly constants: ReadonlyMap<number, ConstantData>;
  readonly instructions: readonly Instruction[];
  readonly outputs: readonly Port[];
}

/** What is known of f: programs that are made when they are first asked for. */
export interface FieldPrograms {
  /** f alone. */
  readonly forward: () => Program;
  /** f and the pullback of a cotangent. */
  readonly gradient: () => Program;
}

/** Number of entries of an array of this shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, extent) => size * extent, 1);
}

/** Bytes of a value in the given precision; truth values take one byte each. */
export function bytesOf(value: Value, floatBytes: number): number {
  return sizeOf(value.shape) * { bool: 1, int32: 4, float32: floatBytes, float64: 8 }[value.dtype];
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, i) => extent === b[i]);
}

/** The value that an instruction takes under that name. */
export function operandOf({ inputs }: Instruction, name: string): number {
  return inputs.find((operand) => operand.name === name)!.value;
}

/** The value that index `i` stands for. */
export function valueOf(program: Program, i: number): Value {
  return program.values[i]!;
}

/** The same program without the instructions, constants and inputs that the wanted outputs do not need. What is an input is not made. */
export function restrict(program: Program, outputs: readonly Port[]): Program {
  const needed = new Set(outputs.map((port) => port.value));
  const given = new Set(program.inputs.map((port) => port.value));
  const instructions: Instruction[] = [];
  for (const instruction of program.instructions.toReversed()) {
    if (!instruction.outputs.some((output) => needed.has(output) && !given.has(output))) continue;
    instruction.inputs.forEach((operand) => needed.add(operand.value));
    instructions.push(instruction);
  }
  return {
    values: program.values,
    inputs: program.inputs.filter((port) => needed.has(port.value)),
    constants: new Map([...program.constants].filter(([value]) => needed.has(value))),
    instructions: instructions.reverse(),
    outputs,
  };
}

/** The outputs whose names `wanted` accepts, and what they need. */
export function restrictTo(program: Program, wanted: (name: string) => boolean): Program {
  return restrict(
    program,
    program.outputs.filter((port) => wanted(port.name)),
  );
}

/** Of f and its pullback, the pullback alone; with the time's cotangent comes f, which only time gradients want. */
export function pulledBack(gradient: Program, withTime: boolean): Program {
  return restrictTo(gradient, (name) => withTime || /^g[yp]/.test(name));
}

/** The instruction that each value is the first result of. */
export function makersOf({ instructions }: Program): Map<number, Instruction> {
  return new Map(instructions.map((instruction) => [instruction.outputs[0]!, instruction]));
}

/** How often each value is read, as an operand or from outside. */
export function countUses({ instructions, outputs }: Program): Map<number, number> {
  const uses = new Map<number, number>();
  for (const { value } of [...instructions.flatMap(({ inputs }) => inputs), ...outputs])
    uses.set(value, (uses.get(value) ?? 0) + 1);
  return uses;
}

/** Every value that depends on one of the inputs that `chosen` accepts. */
export function dependents(program: Program, chosen: (name: string) => boolean): Set<number> {
  const depending = new Set(program.inputs.filter((port) => chosen(port.name)).map((port) => port.value));
  for (const instruction of program.instructions) {
    if (instruction.inputs.some((operand) => depending.has(operand.value))) {
      instruction.outputs.forEach((output) => depending.add(output));
    }
  }
  return depending;
}

/** Every value that depends on more than the variables: another at each point of a solve. */
export function pointwise(program: Program): Set<number> {
  return dependents(program, (name) => !/^[pv]\d/.test(name));
}

/** The same program with its values numbered in the order in which they come up: two recordings compare. */
function renumbered(program: Program): Program {
  const order = [
    ...program.inputs.map((port) => port.value),
    ...program.constants.keys(),
    ...program.instructions.flatMap((instruction) => instruction.outputs),
  ];
  const numbers = new Map(order.map((value, i) => [value, i]));
  const number = (value: number): number => numbers.get(value)!;
  const port = ({ name, value }: Port): Port => ({ name, value: number(value) });
  return {
    values: order.map((value) => program.values[value]!),
    inputs: program.inputs.map(port),
    constants: new Map([...program.constants].map(([value, data]) => [number(value), data])),
    instructions: program.instructions.map((instruction) => ({
      ...instruction,
      inputs: instruction.inputs.map(({ name, value }) => ({ name, value: number(value) })),
      outputs: instruction.outputs.map(number),
    })),
    outputs: program.outputs.map(port),
  };
}

/** Whether two constants of one size and type are the same to the last bit. */
export function sameData(a: ConstantData, b: ConstantData): boolean {
  if (a instanceof Float64Array || b instanceof Float64Array) return a.every((x, i) => Object.is(x, b[i]));
  // As words, which compare several times faster than numbers of which some may be NaN or −0.
  const words = (x: ConstantData): Uint8Array | Uint32Array =>
    x instanceof Uint8Array ? x : new Uint32Array(x.buffer, x.byteOffset, x.length);
  const [one, other] = [words(a), words(b)];
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

/** By what two programs differ, numbered in the order in which values come up; undefined where they do not. */
export function difference(a: Program, b: Program): 'operations' | 'settings' | 'constants' | undefined {
  const settings = ({ instructions }: Program): string =>
    JSON.stringify(instructions.map(({ attrs }) => attrs));
  const [one, other] = [renumbered(a), renumbered(b)];
  if (describe(one) !== describe(other)) return 'operations';
  if (settings(one) !== settings(other)) return 'settings';
  for (const [value, data] of one.constants)
    if (!sameData(other.constants.get(value)!, data)) return 'constants';
  return undefined;
}

/** An instruction on a line, for messages and tests. */
export function lineOf({ values }: Program, { kernel, inputs, outputs }: Instruction): string {
  const operands = inputs.map(({ name, value }) => `${name}=%${value}`).join(', ');
  const types = outputs.map((output) => typeOf(values[output])).join(', ');
  return `${outputs.map((output) => `%${output}`).join(', ')} = ${kernel}(${operands}): ${types}`;
}

const typeOf = (value: Value | undefined): string =>
  value ? `${value.dtype}[${value.shape.join(',')}]` : 'no value';

/** One line for each input, constant, instruction and output. */
export function describe(program: Program): string {
  const type = (value: number): string => typeOf(program.values[value]);
  return [
    ...program.inputs.map(({ name, value }) => `%${value} = input ${name}: ${type(value)}`),
    ...[...program.constants.keys()].map((value) => `%${value} = constant: ${type(value)}`),
    ...program.instructions.map((instruction) => lineOf(program, instruction)),
    ...program.outputs.map(({ name, value }) => `output ${name} = %${value}`),
  ].join('\n');
}
