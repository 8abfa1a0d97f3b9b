import { multiplications } from '../ir/cost.ts';
import { kernelOf } from '../ir/kernels.ts';
import {
  bytesOf,
  dependents,
  restrict,
  sizeOf,
  type Instruction,
  type Port,
  type Program,
} from '../ir/program.ts';
import { verified } from '../ir/verify.ts';
import { minimumCut } from './minimum-cut.ts';

/** A gradient program cut in two: the value with what its pullback needs, and the pullback. */
export interface Partition {
  /** Gives `f0…` and the activations, as ports `a0…`. */
  readonly forward: Program;
  /** Takes the activations, cotangents and inputs, and gives the gradients. */
  readonly pullback: Program;
  readonly activations: Activations;
}

/** What is kept from the forward half for the pullback. */
export interface Activations {
  /** Of the ports. */
  readonly names: readonly string[];
  readonly bytes: number;
}

/**
 * Splits a program by what depends on the cotangents. The activations between are the fewest bytes from
 * which, with inputs and constants, cheap kernels give all that the pullback reads: a minimum cut.
 *
 *     f0 = h = Tanh(x); gy0 = Multiply(c0, Sub(1, Square(h)))
 *     →  forward: f0 = a0 = h = Tanh(x)    pullback: gy0 = Multiply(c0, Sub(1, Square(a0)))
 */
export function partition(program: Program, floatBytes: number): Partition {
  const late = dependents(program, (name) => name.startsWith('c'));
  const gradients = program.outputs.filter(({ name }) => name.startsWith('g'));
  const values = program.outputs.filter(({ name }) => name.startsWith('f'));
  const kept = fewest(program, crossing(program, gradients, late), floatBytes);
  const activations = [...kept].map((value, i) => ({ name: `a${i}`, value }));
  const cut: Program = { ...program, inputs: [...program.inputs, ...activations] };
  return {
    forward: verified(restrict(program, [...values, ...activations]), 'partition'),
    pullback: verified(restrict(cut, gradients), 'partition'),
    activations: {
      names: activations.map(({ name }) => name),
      bytes: activations.reduce((sum, { value }) => sum + bytesOf(program.values[value]!, floatBytes), 0),
    },
  };
}

/** Values made without the cotangents that the gradients read. */
function crossing(program: Program, gradients: readonly Port[], late: ReadonlySet<number>): Set<number> {
  const read = restrict(program, gradients)
    .instructions.filter(({ outputs }) => outputs.some((output) => late.has(output)))
    .flatMap(({ inputs }) => inputs);
  return new Set([...read, ...gradients].map(({ value }) => value).filter((value) => !late.has(value)));
}

/** The fewest bytes of values such that `wanted` can be had again from them. */
function fewest(program: Program, wanted: ReadonlySet<number>, floatBytes: number): Set<number> {
  const made = new Set(program.instructions.flatMap(({ outputs }) => outputs));
  const again = new Set(program.instructions.filter((instruction) => isCheap(program, instruction)));
  const once = program.instructions.filter((instruction) => !again.has(instruction));
  return minimumCut({
    // What is empty is not kept for nothing either: it would be where nothing asks for it.
    capacities: program.values.map((value) => Math.max(1, bytesOf(value, floatBytes))),
    // A value that is kept, or costs much, asks for none of its operands; one that is made again asks for all.
    edges: [...again].flatMap(({ inputs, outputs }) =>
      outputs.flatMap((output) => inputs.map(({ value }) => [value, output] as const)),
    ),
    sources: once.flatMap(({ outputs }) => outputs),
    sinks: [...wanted].filter((value) => made.has(value)),
  });
}

/** Whether a kernel does no more than read its operands and write its result. */
function isCheap({ values }: Program, instruction: Instruction): boolean {
  const { kernel, outputs } = instruction;
  if (kernel !== 'BatchMatMul') return kernelOf(kernel).cheap ?? false;
  const shape = (value: number): readonly number[] => values[value]!.shape;
  return multiplications(instruction, shape) === sizeOf(shape(outputs[0]!));
}
