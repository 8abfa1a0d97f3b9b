import { bytesOf, dependents, restrict, type Instruction, type Port, type Program } from './program.ts';

/** A gradient program cut in two: the value with what its pullback needs, and the pullback. */
export interface Split {
  /** Gives `f0…` and the activations, as ports `a0…`. */
  readonly forward: Program;
  /** Takes the activations, cotangents and inputs, and gives the gradients. */
  readonly pullback: Program;
}

/** Kernels so cheap that doing them again beats keeping their results. */
const cheap = new Set(
  'Reshape Transpose SplitV Cast Neg Abs Sign Step Square Add Sub Multiply Maximum Minimum Relu Relu6 Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr LogicalNot Select EluGrad ClipByValue Slice Concat PadV2 BroadcastTo Tile'.split(
    ' ',
  ),
);

/**
 * Splits a program by what depends on the cotangents. The activations between are chosen greedily: a value
 * that is a cheap function of activations kept anyway, of inputs and of constants is computed again.
 */
export function split(program: Program, floatBytes: number): Split {
  const isCotangent = (name: string): boolean => name.startsWith('c');
  const late = dependents(program, isCotangent);
  const gradients = program.outputs.filter(({ name }) => name.startsWith('g'));
  const values = program.outputs.filter(({ name }) => name.startsWith('f'));
  const makers = new Map(
    program.instructions.flatMap((made) => made.outputs.map((output) => [output, made] as const)),
  );
  const given = new Set([...program.constants.keys(), ...program.inputs.map(({ value }) => value)]);

  const kept = crossing(program, gradients, late, given);
  // Largest first: what goes is saved, what it is made of is often smaller or kept for somebody else.
  const order = [...kept].sort(
    (a, b) => bytesOf(program.values[b]!, floatBytes) - bytesOf(program.values[a]!, floatBytes),
  );
  for (const value of order) {
    kept.delete(value);
    if (!recomputable(value, kept, given, makers)) kept.add(value);
  }
  const activations = [...kept].map((value, i) => ({ name: `a${i}`, value }));
  const cut: Program = {
    ...program,
    inputs: [...program.inputs, ...activations],
    instructions: program.instructions.filter(({ outputs }) => !outputs.every((output) => kept.has(output))),
  };
  return { forward: restrict(program, [...values, ...activations]), pullback: restrict(cut, gradients) };
}

/** Values made without the cotangents that the gradients read. */
function crossing(
  program: Program,
  gradients: readonly Port[],
  late: ReadonlySet<number>,
  given: ReadonlySet<number>,
): Set<number> {
  const needed = restrict(program, gradients);
  const read = needed.instructions
    .filter(({ outputs }) => outputs.some((output) => late.has(output)))
    .flatMap(({ inputs }) => inputs);
  return new Set(
    [...read, ...gradients]
      .map(({ value }) => value)
      .filter((value) => !late.has(value) && !given.has(value)),
  );
}

/** Whether a value follows from the kept ones, the inputs and the constants by cheap kernels alone. */
function recomputable(
  value: number,
  kept: ReadonlySet<number>,
  given: ReadonlySet<number>,
  makers: ReadonlyMap<number, Instruction>,
): boolean {
  if (kept.has(value) || given.has(value)) return true;
  const maker = makers.get(value)!;
  return (
    cheap.has(maker.kernel) &&
    maker.inputs.every((operand) => recomputable(operand.value, kept, given, makers))
  );
}
