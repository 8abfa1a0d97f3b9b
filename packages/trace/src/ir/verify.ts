import { kernelOf, resultTypes } from './kernels.ts';
import {
  lineOf,
  sameShape,
  sizeOf,
  type ConstantData,
  type ElementType,
  type Instruction,
  type Port,
  type Program,
  type Value,
} from './program.ts';

/** Whether programs are verified as they are made: where ODEGRAD_VERIFY is in the environment, as it is in tests. */
const isOn = Boolean(
  (globalThis as { process?: { env?: Readonly<Record<string, string | undefined>> } }).process?.env?.[
    'ODEGRAD_VERIFY'
  ],
);

/** The program, verified if programs are. */
export function verified(program: Program, madeBy: string): Program {
  if (isOn) verify(program, madeBy);
  return program;
}

/**
 * Makes sure that a program is one: that values are assigned once and before they are used, and that all is as the table of kernels
 * says. A kernel that is not in the table may have any operands and results.
 * @throws {Error} that names the instruction, or the port, and who made the program.
 */
export function verify(program: Program, madeBy: string): void {
  const fail = (where: string, what: string): never => {
    throw new Error(`Program made by ${madeBy}: ${where}: ${what}.`);
  };
  const assigned = new Set<number>();
  const assign = (value: number, where: string): void => {
    if (!program.values[value]) fail(where, `there is no value %${value}`);
    if (assigned.has(value)) fail(where, `%${value} is assigned twice`);
    assigned.add(value);
  };
  const use = (value: number, where: string): void => {
    if (!assigned.has(value)) fail(where, `%${value} is used before it is assigned`);
  };
  const twice = twiceNamed(program.inputs) ?? twiceNamed(program.outputs);
  if (twice !== undefined) fail(`port ${twice}`, 'there are two of that name');
  for (const { name, value } of program.inputs) assign(value, `input ${name}`);
  for (const [value, data] of program.constants) {
    assign(value, `constant %${value}`);
    const wrong = misfit(data, program.values[value]!);
    if (wrong) fail(`constant %${value}`, wrong);
  }
  for (const [i, instruction] of program.instructions.entries()) {
    const where = `instruction ${i}, ${lineOf(program, instruction)}`;
    for (const { value } of instruction.inputs) use(value, where);
    for (const value of instruction.outputs) assign(value, where);
    const wrong =
      wrongOperands(instruction) ?? wrongSetting(instruction) ?? wrongResults(instruction, program.values);
    if (wrong) fail(where, wrong);
  }
  for (const { name, value } of program.outputs) use(value, `output ${name}`);
}

function twiceNamed(ports: readonly Port[]): string | undefined {
  const names = ports.map(({ name }) => name);
  return names.find((name, i) => names.indexOf(name) !== i);
}

/** Doubles too for what is float32: numbers are kept as f writes them. */
const arrays: Readonly<Record<ElementType, readonly (new (length: number) => ConstantData)[]>> = {
  float32: [Float32Array, Float64Array],
  float64: [Float32Array, Float64Array],
  int32: [Int32Array],
  bool: [Uint8Array],
};

function misfit(data: ConstantData, { shape, dtype }: Value): string | undefined {
  if (data.length !== sizeOf(shape)) return `${data.length} entries do not fit shape [${shape.join()}]`;
  return arrays[dtype].some((type) => data instanceof type)
    ? undefined
    : `its data is no array of type ${dtype}`;
}

function wrongOperands({ kernel, inputs }: Instruction): string | undefined {
  const { operands } = kernelOf(kernel);
  if (operands === undefined) return undefined;
  const rest = inputs.map(({ name }) => name);
  for (const operand of operands.split(' ').filter((name) => name !== '')) {
    const at = rest.indexOf(operand.replace('?', ''));
    if (operand === '*') {
      let count = 0;
      while (rest.includes(String(count))) rest.splice(rest.indexOf(String(count++)), 1);
      if (count === 0) return 'it has no operands';
    } else if (at >= 0) rest.splice(at, 1);
    else if (!operand.endsWith('?')) return `operand ${operand} is missing`;
  }
  return rest.length > 0 ? `${kernel} has no operand ${rest[0]!}, or has it already` : undefined;
}

/** Settings are compared as text, and sent to workers: they are plain data. */
function wrongSetting({ attrs }: Instruction): string | undefined {
  const isPlain = (x: unknown): boolean =>
    Array.isArray(x)
      ? x.every(isPlain)
      : x === null || ['undefined', 'number', 'string', 'boolean'].includes(typeof x);
  const [name] = Object.entries(attrs).find(([, setting]) => !isPlain(setting)) ?? [];
  return name === undefined ? undefined : `setting ${name} is no plain data`;
}

function wrongResults(
  { kernel, attrs, inputs, outputs }: Instruction,
  values: readonly Value[],
): string | undefined {
  const operands = Object.fromEntries(
    inputs.map(({ name, value }) => [name, { ...values[value]!, shape: [...values[value]!.shape] }]),
  );
  let types: ReturnType<typeof resultTypes>;
  try {
    types = resultTypes(kernel, operands, attrs);
  } catch (error) {
    return `its operands do not fit (${String(error)})`;
  }
  if (!types) return undefined;
  if (types.length !== outputs.length) return `it has ${types.length} results`;
  const wrong = types.find(({ shape, dtype }, i) => {
    const value = values[outputs[i]!]!;
    return value.dtype !== dtype || !sameShape(value.shape, shape);
  });
  return wrong && `a result is ${wrong.dtype}[${wrong.shape.join()}]`;
}
