import type { Attributes, ConstantData, ElementType, Instruction, Port, Program, Value } from './program.ts';

/** Puts programs together. */
export interface ProgramBuilder {
  input(name: string, shape: readonly number[], dtype?: ElementType): number;
  constant(data: ConstantData, shape: readonly number[], dtype?: ElementType): number;
  shape(value: number): readonly number[];
  /** The call that a value is the result of; none for inputs and constants. */
  maker(value: number): Instruction | undefined;
  /** A kernel call with one result. */
  call(
    kernel: string,
    inputs: Readonly<Record<string, number>>,
    shape: readonly number[],
    attrs?: Attributes,
    dtype?: ElementType,
  ): number;
  /** A kernel call with several results. */
  callAll(
    kernel: string,
    inputs: Readonly<Record<string, number>>,
    shapes: readonly (readonly number[])[],
    attrs?: Attributes,
    dtype?: ElementType,
  ): readonly number[];
  /** Adds another program's instructions, with values for its input ports; gives the values of its output ports. */
  inline(program: Program, inputs: ReadonlyMap<string, number>): Map<string, number>;
  finish(outputs: readonly Port[]): Program;
}

export function createBuilder(): ProgramBuilder {
  const values: Value[] = [];
  const inputs: Port[] = [];
  const constants = new Map<number, ConstantData>();
  const instructions: Instruction[] = [];
  const makers = new Map<number, Instruction>();
  const add = (instruction: Instruction): void => {
    instructions.push(instruction);
    for (const output of instruction.outputs) makers.set(output, instruction);
  };
  const assign = (value: Value): number => values.push(value) - 1;

  const builder: ProgramBuilder = {
    input(name, shape, dtype = 'float32') {
      const value = assign({ shape, dtype });
      inputs.push({ name, value });
      return value;
    },
    constant(data, shape, dtype = 'float32') {
      const value = assign({ shape, dtype });
      constants.set(value, data);
      return value;
    },
    shape: (value) => values[value]!.shape,
    maker: (value) => makers.get(value),
    call: (kernel, operands, shape, attrs, dtype) =>
      builder.callAll(kernel, operands, [shape], attrs, dtype)[0]!,
    callAll(kernel, operands, shapes, attrs = {}, dtype = 'float32') {
      const outputs = shapes.map((shape) => assign({ shape, dtype }));
      add({
        kernel,
        attrs,
        inputs: Object.entries(operands).map(([name, value]) => ({ name, value })),
        outputs,
      });
      return outputs;
    },
    inline(program, ports) {
      const at = new Map(program.inputs.map(({ name, value }) => [value, ports.get(name)!]));
      for (const [value, data] of program.constants)
        at.set(value, builder.constant(data, program.values[value]!.shape, program.values[value]!.dtype));
      for (const { kernel, attrs, inputs: operands, outputs } of program.instructions) {
        const results = outputs.map((output) => assign(program.values[output]!));
        outputs.forEach((output, i) => at.set(output, results[i]!));
        add({
          kernel,
          attrs,
          inputs: operands.map(({ name, value }) => ({ name, value: at.get(value)! })),
          outputs: results,
        });
      }
      return new Map(program.outputs.map(({ name, value }) => [name, at.get(value)!]));
    },
    finish: (outputs) => ({ values, inputs, constants, instructions, outputs }),
  };
  return builder;
}
