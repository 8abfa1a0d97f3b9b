import { makersOf, pointwise, restrict, type Instruction, type Port, type Program } from '../ir/program.ts';
import { verified } from '../ir/verify.ts';

/** A program in two: its prologue, which depends on the variables alone, and what remains for every point. */
export interface Hoisted {
  /** From the variables to values that the rest takes in under the same names; undefined where there are none. */
  readonly prologue: Program | undefined;
  readonly rest: Program;
}

/**
 * Takes out of a program what is the same wherever it runs within a solve: weights joined with their biases, products of
 * weights and constants. Their names begin with `prefix`.
 *
 *     f0 = Add(y0, BatchMatMul(p0, p1))  →  prologue: v0 = BatchMatMul(p0, p1)    rest: f0 = Add(y0, v0)
 */
export function hoistInvariants(program: Program, prefix: string): Hoisted {
  const late = pointwise(program);
  const early = program.instructions.filter(({ outputs }) => !outputs.some((output) => late.has(output)));
  const makers = makersOf({ ...program, instructions: early });
  /** What makes a value, views left out: they move nothing, and the rest does them itself. */
  const maker = (value: number): Instruction | undefined => {
    const made = makers.get(value);
    return made?.kernel === 'Reshape' ? maker(made.inputs[0]!.value) : made;
  };
  const taken = new Set<Instruction>();
  for (const { inputs, outputs } of program.instructions) {
    if (!outputs.some((output) => late.has(output))) continue;
    for (const { value } of inputs) {
      const made = maker(value);
      if (made) taken.add(made);
    }
  }
  if (taken.size === 0) return { prologue: undefined, rest: program };
  const ports: Port[] = [...taken]
    .flatMap(({ outputs }) => outputs)
    .map((value, i) => ({ name: `${prefix}${i}`, value }));
  const rest: Program = {
    ...program,
    inputs: [...program.inputs, ...ports],
    instructions: program.instructions.filter((instruction) => !taken.has(instruction)),
  };
  return {
    prologue: verified(restrict(program, ports), 'hoistInvariants'),
    rest: verified(restrict(rest, program.outputs), 'hoistInvariants'),
  };
}
