import { EngineError } from '@odegrad/core';
import type { FloatType, Program } from '@odegrad/trace';

import { HOST } from '../encode/module.ts';
import type { Lowered } from '../lower/lower.ts';
import type { Nest } from '../lower/plan.ts';
import type { Rows } from '../lower/rows.ts';
import { emitGroup, groupSignature } from '../nests/group.ts';
import { reachable } from '../nests/node.ts';
import type { Buffer, View } from '../nests/view.ts';
import type { Arena } from './arena.ts';
import { encode } from './encode.ts';
import { placeBuffers } from './places.ts';
import { portOf, writePort, type Port } from './ports.ts';

/** How programs are compiled. */
export interface Target {
  readonly float: FloatType;
  /** Whether products and sums may be rounded once, where the processor can. */
  readonly relaxed: boolean;
  readonly arena: Arena;
}

/** A compiled program: ports to be written, phases to be run, ports to be read. */
export interface Compiled {
  readonly inputs: ReadonlyMap<string, Port>;
  readonly outputs: ReadonlyMap<string, Port>;
  /** Inputs and constants whose rows are written for every tile. */
  readonly rows: Rows | undefined;
  readonly tiles: number;
  readonly constantRows: readonly (readonly [port: Port, data: ArrayLike<number>])[];
  readonly prelude: () => void;
  readonly prologue: () => void;
  readonly tile: () => void;
  readonly epilogue: () => void;
  /** That of the arena when the prelude ran last. */
  epoch: number;
}

/** JavaScript's own functions, for what is rarely computed. */
const functions: Readonly<Record<string, (...operands: number[]) => number>> = {
  ...(Object.fromEntries(
    'sin cos tan asin acos atan sinh cosh asinh acosh atanh atan2 pow'
      .split(' ')
      .map((name) => [name, Math[name as 'sin']]),
  ) as Record<string, (...operands: number[]) => number>),
  /** With the sign of the divisor, as TensorFlow.js has it. */
  mod(a, b) {
    const rest = a % b;
    return a < 0 === b < 0 ? rest : (rest + b) % b;
  },
};

/** Tiles that a batch is. */
export const tilesOf = (rows: Rows | undefined): number => (rows ? Math.ceil(rows.count / rows.tile) : 1);

/**
 * Compiles a program that was lowered.
 * @throws {EngineError} where WebAssembly may not be compiled.
 */
export function compile(program: Program, lowered: Lowered, { float, relaxed, arena }: Target): Compiled {
  const { rows } = lowered.plan;
  const ordered = inOrder(lowered);
  place(lowered, ordered, program, arena);
  const bytes = encode(ordered, float, relaxed);
  const exports = instantiate(bytes, arena);
  const width = float === 'float64' ? 8 : 4;
  const port = (value: number, view: View): Port =>
    portOf(view, lowered.plan.kind(value), width, rows?.shardings[value] === 'sharded');
  const constantRows: (readonly [Port, ArrayLike<number>])[] = [];
  for (const [value, view] of lowered.constants) {
    const to = port(value, view);
    const data = program.constants.get(value)!;
    if (to.isOfRows) constantRows.push([to, data]);
    else writePort(arena.heap(), to, data);
  }
  return {
    inputs: new Map(program.inputs.map(({ name, value }) => [name, port(value, lowered.inputs.get(value)!)])),
    outputs: new Map([...lowered.outputs].map(([name, { value, view }]) => [name, port(value, view)])),
    ...{ rows, constantRows, epoch: -1 },
    tiles: tilesOf(rows),
    prelude: exports['prelude']!,
    prologue: exports['prologue']!,
    tile: exports['tile']!,
    epilogue: exports['epilogue']!,
  };
}

/** All loops in the order in which they run: phase by phase, level by level. */
function inOrder({ plan }: Lowered): Nest[] {
  const groups = plan.groups.map((group): Nest => {
    const nodes = reachable(group.stores.map(({ node }) => node));
    const views = nodes.flatMap(({ view, product }) => [view, product?.a, product?.b]);
    return {
      ...{ phase: group.phase, level: group.level },
      reads: views.flatMap((view) => (view ? [view.buffer] : [])),
      writes: group.stores.map(({ view }) => view.buffer),
      signature: groupSignature(group, nodes),
      emit: (emitter, scene) => {
        emitGroup(emitter, scene, group);
      },
    };
  });
  return [...plan.nests, ...groups.filter(({ writes }) => writes.length > 0)].sort(
    (a, b) => a.phase - b.phase || a.level - b.level,
  );
}

/** Gives every buffer its address. */
function place(lowered: Lowered, nests: readonly Nest[], program: Program, arena: Arena): void {
  const fixed = new Set<Buffer>();
  const bytes = ({ entries, width }: Buffer): number => entries * width;
  const fix = (buffer: Buffer, address: number): void => {
    buffer.address = address;
    fixed.add(buffer);
  };
  for (const { name, value } of program.inputs) {
    const { buffer, shape } = lowered.inputs.get(value)!;
    const isShared = /^[pv]/.test(name) && lowered.plan.rows?.shardings[value] !== 'sharded';
    const key = `${name}[${shape.join()}]`;
    fix(buffer, isShared ? arena.shared(key, bytes(buffer)) : arena.reserve(bytes(buffer)));
  }
  const lasting = [
    ...[...lowered.constants.values()].map(({ buffer }) => buffer),
    ...[...lowered.outputs.values()].map(({ view }) => view.buffer),
    ...nests.filter(({ phase }) => phase === 0).flatMap(({ writes }) => writes),
  ];
  for (const buffer of lasting) if (!fixed.has(buffer)) fix(buffer, arena.reserve(bytes(buffer)));
  const accesses = nests.map(({ phase, reads, writes }) => ({ phase, buffers: [...reads, ...writes] }));
  const size = placeBuffers(accesses, fixed);
  const base = arena.reserve(size);
  const moved = new Set<Buffer>();
  for (const { buffers } of accesses)
    for (const buffer of buffers)
      if (!fixed.has(buffer) && !moved.has(buffer)) {
        moved.add(buffer);
        buffer.address += base;
      }
}

function instantiate(
  bytes: Uint8Array<ArrayBuffer>,
  { memory }: Arena,
): Readonly<Record<string, () => void>> {
  try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      [HOST]: { memory, ...functions },
    });
    return instance.exports as Readonly<Record<string, () => void>>;
  } catch (error) {
    if (!/unsafe-eval|Content Security Policy/i.test(String(error))) throw error;
    throw new EngineError(
      "Engine 'wasm' may not compile: the page's content security policy forbids it. Add 'wasm-unsafe-eval' to its script-src, or " +
        "use engine: 'replay'.",
      { cause: error },
    );
  }
}
