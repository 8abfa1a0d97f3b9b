import type { FloatData, Program } from '@odegrad/trace';

import type { Rows } from '../lower/rows.ts';
import { UnsupportedError } from '../lower/unsupported.ts';
import { compile, type Compiled, type Target } from '../runtime/compile.ts';
import {
  readPort,
  readRows,
  restorePort,
  savePort,
  writePort,
  writeRows,
  type Port,
} from '../runtime/ports.ts';

/** Entries by the names of ports; of a scalar its number. */
export type Arrays = Readonly<Record<string, ArrayLike<number> | number>>;

/** A program that is ready to run. */
export interface Model {
  readonly inputs: ReadonlySet<string>;
  /** Entries that an output takes when it is kept as it is. */
  kept(name: string): number;
  /** Runs on the variables of a solve and the arrays given; fills those of `results` that it has. Names in `a…` are kept as they are. */
  run(
    solve: Solve,
    given: Arrays,
    results: Readonly<Record<string, FloatData>>,
    scalars?: ArrayLike<number>,
  ): void;
}

/** What a solve reads besides its states. */
export interface Solve {
  readonly variables: Arrays;
}

/** Compiles a program, its rows in lanes where that can be. `scalars` are the names of inputs that are given by their order. */
export function createModel(
  program: Program,
  target: Target,
  rows: Rows | undefined,
  scalars: readonly string[] = [],
): Model {
  return modelOf(compiled(program, target, rows), target, scalars);
}

function compiled(program: Program, target: Target, rows: Rows | undefined): Compiled {
  if (!rows) return compile(program, target);
  try {
    return compile(program, target, rows);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return compile(program, target);
  }
}

const rowsIn = (arrays: Arrays, name: string): ArrayLike<number> | undefined =>
  arrays[name] as ArrayLike<number> | undefined;

type Named = readonly (readonly [name: string, port: Port])[];

function modelOf(module: Compiled, { arena }: Target, scalars: readonly string[]): Model {
  const { inputs, outputs, rows, tiles, constantRows } = module;
  const pick = (ports: ReadonlyMap<string, Port>, wanted: (name: string, port: Port) => boolean): Named =>
    [...ports].filter(([name, port]) => wanted(name, port));
  const isVariable = (name: string): boolean => /^[pv]\d/.test(name);
  const isKept = (name: string): boolean => /^a\d/.test(name);
  const variables = pick(inputs, (name, port) => isVariable(name) && !port.isOfRows);
  const whole = pick(
    inputs,
    (name, port) => !isVariable(name) && !isKept(name) && !scalars.includes(name) && !port.isOfRows,
  );
  const ofRows = pick(inputs, (name, port) => !isKept(name) && port.isOfRows);
  const restored = pick(inputs, (name, port) => isKept(name) && !port.isOfRows);
  const restoredRows = pick(inputs, (name, port) => isKept(name) && port.isOfRows);
  const results = pick(outputs, (name, port) => !isKept(name) && !port.isOfRows);
  const resultRows = pick(outputs, (name, port) => !isKept(name) && port.isOfRows);
  const saved = pick(outputs, (name, port) => isKept(name) && !port.isOfRows);
  const savedRows = pick(outputs, (name, port) => isKept(name) && port.isOfRows);
  const numbers = scalars.map((name) => inputs.get(name));
  const count = rows?.count ?? 1;

  return {
    inputs: new Set(inputs.keys()),
    kept(name) {
      const { entries, isOfRows } = outputs.get(name)!;
      return entries * (isOfRows ? tiles : 1);
    },
    run(solve, given, filled, values) {
      const heap = arena.heap();
      if (arena.owner !== solve) {
        arena.owner = solve;
        arena.epoch += 1;
      }
      if (module.epoch !== arena.epoch) {
        module.epoch = arena.epoch;
        for (const [name, port] of variables) writePort(heap, port, solve.variables[name]!);
        module.prelude();
      }
      numbers.forEach((port, i) => port && writePort(heap, port, values![i]!));
      for (const [name, port] of whole) writePort(heap, port, given[name]!);
      for (const [name, port] of restored) restorePort(heap, port, given[name] as unknown as FloatData, 0);
      module.prologue();
      for (let i = 0; i < tiles; i++) {
        for (const [name, port] of ofRows)
          writeRows(
            heap,
            port,
            rowsIn(given, name) ?? rowsIn(solve.variables, name)!,
            i,
            count,
            name.startsWith('c'),
          );
        for (const [port, data] of constantRows) writeRows(heap, port, data, i, count, false);
        for (const [name, port] of restoredRows)
          restorePort(heap, port, given[name] as unknown as FloatData, i);
        module.tile();
        for (const [name, port] of resultRows) if (filled[name]) readRows(heap, port, filled[name], i, count);
        for (const [name, port] of savedRows) if (filled[name]) savePort(heap, port, filled[name], i);
      }
      module.epilogue();
      for (const [name, port] of saved) if (filled[name]) savePort(heap, port, filled[name], 0);
      for (const [name, port] of results) if (filled[name]) readPort(heap, port, filled[name]);
    },
  };
}
