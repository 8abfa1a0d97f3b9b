import { once } from '@odegrad/core';
import type { FloatData, FloatType, Program } from '@odegrad/trace';

import { lower, type Lowered } from '../lower/lower.ts';
import type { Rows } from '../lower/rows.ts';
import { UnsupportedError } from '../lower/unsupported.ts';
import { compile, tilesOf, type Compiled, type Target } from '../runtime/compile.ts';
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

/** A program that is compiled when it first runs, its rows in lanes where that can be. `scalars` are the names of inputs that are given by their order. */
export function createModel(
  program: Program,
  target: Target,
  rows: Rows | undefined,
  scalars: readonly string[] = [],
): Model {
  const lowered = loweredOf(program, target.float, rows);
  const run = once(() => runnerOf(compile(program, lowered, target), target, scalars));
  return {
    inputs: new Set(program.inputs.map(({ name }) => name)),
    kept(name) {
      const { value, view } = lowered.outputs.get(name)!;
      const { rows: own } = lowered.plan;
      return view.buffer.entries * (own?.shardings[value] === 'sharded' ? tilesOf(own) : 1);
    },
    run: (...given) => {
      run()(...given);
    },
  };
}

function loweredOf(program: Program, float: FloatType, rows: Rows | undefined): Lowered {
  if (!rows) return lower(program, float);
  try {
    return lower(program, float, rows);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return lower(program, float);
  }
}

const rowsIn = (arrays: Arrays, name: string): ArrayLike<number> | undefined =>
  arrays[name] as ArrayLike<number> | undefined;

type Named = readonly (readonly [name: string, port: Port])[];

function runnerOf(module: Compiled, { arena }: Target, scalars: readonly string[]): Model['run'] {
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

  return (solve, given, filled, values) => {
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
  };
}
