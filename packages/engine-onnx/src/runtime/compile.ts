import type { State } from '@odegrad/core';

import { bytesPerElement, largestOperation, sizeOf, verified, type Program } from '@odegrad/trace';

import { take, type ArrayKind } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from './runtime.ts';
import { createGraph, lower, LoweringError, portType, type Edge, type Graph } from '../lower/index.ts';
import { ARENA_BYTES, PARALLEL_WORK, UNCOPIED_BYTES } from '../tuning.ts';
import { encodeModel } from './model.ts';
import { createSession, type Feeds, type Session } from './session.ts';

/** A compiled model: named arrays in, named arrays out. */
export interface Model {
  readonly inputs: ReadonlySet<string>;
  /** Feeds for one call after another; whoever calls sets every name in `inputs`. */
  readonly feeds: Feeds;
  /** Runs on what `feeds` holds. The arrays returned are new and belong to the caller. */
  run(): Readonly<Record<string, OnnxArray>>;
  release(): void;
}

/** Gives a model the solve's variables and the given arrays. */
export type FeedModel = (
  model: Pick<Model, 'inputs' | 'feeds'>,
  inputs: readonly (readonly [readonly string[], State<OnnxArray>])[],
) => void;

/** A model without outputs, which ONNX Runtime does not take: what nothing depends on is pulled back to nothing. */
const empty: Model = { inputs: new Set(), feeds: {}, run: () => ({}), release: () => undefined };

/** Compiles a program as it stands. */
export function compileProgram(program: Program, runtime: Runtime): Model {
  if (program.outputs.length === 0) return empty;
  return compileGraph(lowerProgram(program, createGraph(runtime.float)), largestOperation(program), runtime);
}

/** A program as a whole graph: its ports are the graph's inputs and outputs. */
export function lowerProgram(program: Program, graph: Graph): Graph {
  verified(program, 'all passes');
  const inputs = new Map<string, Edge>();
  for (const { name, value } of program.inputs) {
    const { shape, type } = portType(program, value, graph);
    inputs.set(name, graph.input(name, shape, type));
  }
  for (const [name, edge] of lower(graph, program, inputs)) graph.output(name, edge);
  return graph;
}

/** The first kernel of these programs that has no lowering, if there is one. */
export function obstacleIn(
  programs: readonly Program[],
  { float }: Pick<Runtime, 'float'>,
): LoweringError | undefined {
  for (const program of programs) {
    try {
      lowerProgram(program, createGraph(float));
    } catch (error) {
      if (error instanceof LoweringError) return error;
      throw error;
    }
  }
  return undefined;
}

/** Compiles a graph whose costliest operator takes so many floating-point operations. */
export function compileGraph(graph: Graph, work: number, runtime: Runtime): Model {
  const kinds: readonly (readonly [string, ArrayKind])[] = graph.outputs.map((edge) => [
    edge.name,
    runtime.pool.kind(edge.shape, edge.type),
  ]);
  const bytes = kinds.reduce((sum, [, kind]) => sum + kind.bytes, 0);
  const withUnreadable = bytes > UNCOPIED_BYTES && runtime.providers.every((provider) => provider === 'cpu');
  const session = openSession(graph, () => encodeModel(graph, withUnreadable), work, runtime);
  const feeds: Feeds = {};
  return {
    inputs: new Set(graph.inputs.map((edge) => edge.name)),
    feeds,
    run() {
      const outputs: Record<string, OnnxArray> = {};
      for (const [name, kind] of kinds) outputs[name] = take(kind);
      session.run(feeds, outputs);
      return outputs;
    },
    release: () => {
      session.release();
    },
  };
}

/** Bytes of all values that a run of the graph makes. */
function bytesMade({ nodes, edges }: Graph): number {
  return nodes
    .filter(({ op }) => op !== 'Identity')
    .flatMap(({ outputs }) => outputs)
    .reduce((sum, name) => {
      const { shape, type } = edges.get(name)!;
      return sum + sizeOf(shape) * bytesPerElement[type]!;
    }, 0);
}

/** A session of a graph, with as many threads as pay. Once released it takes nothing; a run after that opens it again. */
export function openSession(
  graph: Graph,
  encode: () => Uint8Array,
  work: number,
  { float, providers, threads, cores, opened }: Runtime,
): Session {
  const arena = bytesMade(graph) <= ARENA_BYTES;
  const options = { providers, threads: threads ?? (work > PARALLEL_WORK ? cores : 1), arena, float };
  let open: Session | undefined = createSession(encode(), options);
  const session: Session = {
    run(feeds, outputs) {
      open ??= createSession(encode(), options);
      open.run(feeds, outputs);
    },
    release() {
      open?.release();
      open = undefined;
    },
  };
  opened?.push(session);
  return session;
}
