import type { ConstantData, Program } from '@odegrad/trace';
import { activations } from './activations.ts';
import { callOf, LoweringError, type LoweringTable } from './context.ts';
import { convolutions } from './conv.ts';
import { elementwise } from './elementwise.ts';
import { onnxTypeOf, type Edge, type Graph } from './graph.ts';
import { matrices } from './matmul.ts';
import { normalisations } from './norm.ts';
import { pools } from './pool.ts';
import { reductions } from './reduce.ts';
import { shapes } from './shape.ts';

export { createGraph, type Edge, type Graph } from './graph.ts';
export { LoweringError } from './context.ts';

const table: LoweringTable = {
  ...elementwise,
  ...activations,
  ...matrices,
  ...convolutions,
  ...pools,
  ...reductions,
  ...shapes,
  ...normalisations,
};

/** The kernels that there are lowerings for. */
export const loweredKernels: readonly string[] = Object.keys(table);

/**
 * Adds the program's instructions to the graph, its input ports being the given edges, and returns the edges
 * of its output ports.
 * @throws {LoweringError} for a kernel without a counterpart in ONNX.
 */
export function lower(graph: Graph, program: Program, inputs: ReadonlyMap<string, Edge>): Map<string, Edge> {
  const edges = new Map<number, Edge>();
  for (const { name, value } of program.inputs) edges.set(value, inputs.get(name)!);
  const constant = (value: number, data: ConstantData): void => {
    const { shape, type } = portType(program, value, graph);
    edges.set(value, graph.constant(data, shape, type));
  };
  for (const [value, data] of program.constants) constant(value, data);
  for (const instruction of program.instructions) {
    const values = instruction.outputs.map((output) => program.values[output]!);
    if (values.every(({ shape }) => shape.includes(0))) {
      // Nothing is to be computed, and many kernels of ONNX Runtime do not take what is empty.
      for (const output of instruction.outputs) constant(output, new Float32Array(0));
      continue;
    }
    const lowering = table[instruction.kernel];
    if (!lowering) throw new LoweringError(instruction.kernel, 'has no lowering');
    const result = lowering(callOf(graph, program, instruction, edges));
    const results: readonly Edge[] = Array.isArray(result) ? (result as readonly Edge[]) : [result as Edge];
    instruction.outputs.forEach((output, i) => edges.set(output, results[i]!));
  }
  return new Map(program.outputs.map(({ name, value }) => [name, edges.get(value)!]));
}

/** The edge of an input port: graph inputs are made of these. */
export function portType(
  program: Program,
  value: number,
  graph: Graph,
): { shape: readonly number[]; type: Edge['type'] } {
  const { shape, dtype } = program.values[value]!;
  return { shape, type: onnxTypeOf(dtype, graph.float) };
}
