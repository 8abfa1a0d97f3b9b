import type { Attributes, ConstantData, ElementType, Instruction, Program, Value } from './program.ts';

/** What a call assigns: a new value of this shape, or one of the old program's. */
type Result =
  | { readonly shape: readonly number[]; readonly dtype?: ElementType | undefined }
  | { readonly output: number };

/** A program that is written anew, instruction by instruction, with the values of the old one and more. */
export interface Editor {
  /** The instructions so far. */
  readonly instructions: Instruction[];
  value(index: number): Value;
  shape(value: number): readonly number[];
  /** A new input. */
  input(name: string, shape: readonly number[], dtype: ElementType): number;
  /** A new constant of float32. */
  constant(data: ConstantData, shape: readonly number[]): number;
  /** Adds an instruction as it is. */
  keep(instruction: Instruction): void;
  /** Adds a kernel call with one result, of the first operand's type where it is new and nothing else is said. */
  call(
    kernel: string,
    operands: Readonly<Record<string, number>>,
    result: Result,
    attrs?: Attributes,
  ): number;
  /** The value as one of another shape: a new one, or `output`. */
  view(value: number, result: Result): number;
  /** The program as it is now. */
  finish(): Program;
}

/** Starts with no instructions, and all else as it is. */
export function edit(program: Program): Editor {
  const values: Value[] = [...program.values];
  const inputs = [...program.inputs];
  const constants = new Map(program.constants);
  const instructions: Instruction[] = [];
  const editor: Editor = {
    instructions,
    value: (index) => values[index]!,
    shape: (value) => values[value]!.shape,
    input(name, shape, dtype) {
      const value = values.push({ shape, dtype }) - 1;
      inputs.push({ name, value });
      return value;
    },
    constant(data, shape) {
      const value = values.push({ shape, dtype: 'float32' }) - 1;
      constants.set(value, data);
      return value;
    },
    keep(instruction) {
      instructions.push(instruction);
    },
    call(kernel, operands, result, attrs = {}) {
      const given = Object.entries(operands).map(([name, value]) => ({ name, value }));
      const assigned = (): number => {
        const { shape, dtype = values[given[0]!.value]!.dtype } = result as Exclude<
          Result,
          { output: number }
        >;
        return values.push({ shape, dtype }) - 1;
      };
      const output = 'output' in result ? result.output : assigned();
      instructions.push({ kernel, attrs, inputs: given, outputs: [output] });
      return output;
    },
    view(x, result) {
      const shape = 'output' in result ? values[result.output]!.shape : result.shape;
      return editor.call('Reshape', { x }, result, { shape: [...shape] });
    },
    finish: () => ({ ...program, values, inputs, constants, instructions }),
  };
  return editor;
}
