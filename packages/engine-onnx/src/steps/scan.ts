import { type ArrayKind, release, take, wrap, zeros } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from '../runtime/runtime.ts';
import { type FloatData, floats } from '@odegrad/trace';
import { lowerProgram, openSession, type Model } from '../runtime/compile.ts';
import { zip } from '../lower/context.ts';
import { createGraph, type Edge } from '../lower/index.ts';
import { encodeScan } from '../runtime/model.ts';
import { sizeOf, type Program } from '@odegrad/trace';
import { largestOperation } from '@odegrad/trace';

/** What becomes of a program's ports from one round to the next. Ports without a role are the same in every round. */
export interface Roles {
  /** The output that takes the place of an input. */
  carriedTo(input: string): string | undefined;
  /** Whether an input gets another row in every round. */
  isScanned(input: string): boolean;
  /** The scanned input that is there even if the program reads none. */
  readonly counter: string;
  /** Whether an output is added up over the rounds. */
  isSummed(output: string): boolean;
  /** Whether every round's output is wanted. */
  isCollected(output: string): boolean;
}

/** A model that runs a program in rounds. Its inputs are named as in `encodeScan`. */
export interface ScanModel extends Pick<Model, 'inputs' | 'feeds' | 'release'> {
  /** The rows of a scanned input, at least for so many rounds, to be filled before `run`. */
  rows(input: string, rounds: number): FloatData | undefined;
  /**
   * Runs so many rounds. Gives, by the program's names, every round's collected outputs, the last of those that are only
   * carried, and the sum of each summed one.
   */
  run(rounds: number): {
    readonly last: Readonly<Record<string, OnnxArray>>;
    readonly all: Readonly<Record<string, readonly OnnxArray[]>>;
  };
}

/** Compiles a program to be run in rounds within one call. */
export function compileScan(program: Program, roles: Roles, runtime: Runtime): ScanModel {
  const { pool } = runtime;
  const graph = lowerProgram(program, createGraph(runtime.float));
  const carried: [Edge, Edge][] = graph.inputs.flatMap((input): [Edge, Edge][] => {
    const name = roles.carriedTo(input.name);
    return name === undefined ? [] : [[input, graph.outputs.find((output) => output.name === name)!]];
  });
  const summed = graph.outputs.filter(({ name }) => roles.isSummed(name));
  // Sums start from zero in every call.
  const starts = new Map<string, OnnxArray>();
  for (const part of summed) {
    const before = graph.input(`sum:${part.name}`, part.shape, part.type);
    graph.output(`sum+${part.name}`, zip(graph, 'Add', before, part));
    carried.push([before, graph.outputs.at(-1)!]);
    starts.set(`first:${before.name}`, zeros(pool.kind(part.shape, part.type)));
  }
  // A carried output goes out once as the next round's input, once as this round's own.
  const collected = graph.outputs
    .filter(({ name }) => roles.isCollected(name))
    .map((edge) => {
      graph.output(`each:${edge.name}`, edge);
      return graph.outputs.at(-1)!;
    });
  const scanned = graph.inputs.filter(({ name }) => roles.isScanned(name));
  // Scan are counted by the rows of some input.
  if (scanned.length === 0) scanned.push(graph.input(roles.counter, [1]));
  const wanted = [...carried.map(([, output]) => output), ...collected];
  graph.outputs.splice(0, graph.outputs.length, ...wanted);

  const finals = carried.map(([, output]) => output).filter(({ name }) => !roles.isCollected(name));
  const session = openSession(
    graph,
    () => encodeScan(graph, { carry: carried, xs: scanned, ys: collected, finals }),
    largestOperation(program),
    runtime,
  );
  const own = new Set([...carried.map(([input]) => input), ...scanned]);
  const names = [
    ...carried.map(([input]) => `first:${input.name}`),
    ...scanned.map(({ name }) => `all:${name}`),
    ...graph.inputs.filter((edge) => !own.has(edge)).map(({ name }) => name),
  ];
  const lasts = finals.map(({ name, shape, type }) => ({
    port: `last:${name}`,
    name: name.replace('sum+', ''),
    kind: pool.kind(shape, type),
  }));
  const alls = collected.map(({ name, shape, type }) => ({
    port: `all:${name}`,
    name: name.replace('each:', ''),
    kind: pool.kind(shape, type),
  }));
  // One buffer for each scanned input, as long as the longest call so far.
  const buffers = new Map<string, FloatData>();
  const feeds = Object.fromEntries(starts) as ScanModel['feeds'];
  const rowsOf = (x: FloatData, kind: ArrayKind, i: number): FloatData =>
    x.subarray(i * kind.size, (i + 1) * kind.size);

  return {
    inputs: new Set(names.filter((name) => !starts.has(name))),
    feeds,
    rows(input, rounds) {
      const edge = scanned.find(({ name }) => name === input);
      if (!edge) return undefined;
      const size = sizeOf(edge.shape);
      let buffer = buffers.get(input);
      if (!buffer || buffer.length < size * rounds) {
        buffer = floats(runtime.float, size * rounds);
        buffers.set(input, buffer);
      }
      const rows = buffer.subarray(0, size * rounds);
      feeds[`all:${input}`] = wrap(pool.kind([rounds, ...edge.shape], runtime.float), rows);
      return rows;
    },
    run(rounds) {
      const outputs: Record<string, OnnxArray> = {};
      for (const { port, kind } of lasts) outputs[port] = take(kind);
      for (const { port, kind } of alls) outputs[port] = take(pool.kind([rounds, ...kind.dims], kind.type));
      session.run(feeds, outputs);
      const all = alls.map(({ port, name, kind }) => {
        const whole = outputs[port]!;
        const each = Array.from({ length: rounds }, (_, i) => {
          const row = take(kind);
          (row.data as FloatData).set(rowsOf(whole.data as FloatData, kind, i));
          return row;
        });
        release(whole);
        return [name, each] as const;
      });
      return {
        last: Object.fromEntries(lasts.map(({ port, name }) => [name, outputs[port]!])),
        all: Object.fromEntries(all),
      };
    },
    release: () => {
      session.release();
    },
  };
}
