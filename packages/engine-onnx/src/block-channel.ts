import type { ButcherTableau } from '@odegrad/core';

import { floats, type FloatData, type FloatType } from './array.ts';
import type { BlockDescription } from './block.ts';
import { operations, type BlockCall, type BlockResult } from './block-call.ts';
import { sizeOf } from './program.ts';
import type { BoundTensor } from './session.ts';

/** What a worker is told between calls. */
export type Message =
  | ({ readonly kind: 'field'; readonly field: number } & SentBlock)
  | {
      readonly kind: 'variables';
      readonly field: number;
      readonly parameters: readonly Variable[];
      readonly others: readonly Variable[];
    }
  | { readonly kind: 'tableau'; readonly tableau: number; readonly value: ButcherTableau }
  | { readonly kind: 'forget'; readonly field: number };

export type Variable = Pick<BoundTensor, 'type' | 'dims' | 'data'>;

/** A block, and how its thread is to run it. */
export interface SentBlock extends BlockDescription {
  readonly float: FloatType;
  /** Threads of its models, at most. */
  readonly threads: number;
  /** Where its calls put their arrays. */
  readonly memory: SharedArrayBuffer;
}

/** What a worker begins with. */
export interface Line {
  /** Calls asked, and answered: how many. */
  readonly signals: Int32Array;
  /** The call, then the result. */
  readonly numbers: Float64Array;
}

export const asked = 0;
export const answered = 1;
/** Set where a call failed; the port then says how. */
export const failed = 2;

/** What is answered before the thread runs. */
export const STARTING = -1;

/** Numbers of a call; those of a result come after. */
const CALL = 8;

export function openLine(): Line {
  const signals = new Int32Array(new SharedArrayBuffer(12));
  signals[answered] = STARTING;
  return {
    signals,
    numbers: new Float64Array(new SharedArrayBuffer(8 * (CALL + 3))),
  };
}

/** Looks at a signal so many times before the thread sleeps: between two calls of a solve it had better not. */
const SPINS = 20_000;

/** Waits until a signal is another number than `seen`, and returns it. */
export function waitFor(
  signals: Int32Array,
  index: number,
  seen: number,
  timeoutMs: number = Infinity,
): number {
  for (let i = 0; i < SPINS; i++) {
    const now = Atomics.load(signals, index);
    if (now !== seen) return now;
  }
  Atomics.wait(signals, index, seen, timeoutMs);
  return Atomics.load(signals, index);
}

export function signal(signals: Int32Array, index: number, value: number): void {
  Atomics.store(signals, index, value);
  Atomics.notify(signals, index);
}

/** Writes a call of a field; tableaus go by number. */
export function writeCall(
  { numbers }: Line,
  field: number,
  { operation, t, t1, read, withTime, handle }: BlockCall,
  tableau: number,
  inputs: number,
): void {
  const code = operations.indexOf(operation);
  const flags = Number(read) + 2 * Number(withTime);
  numbers.set([field, code, t, t1, flags, handle, tableau, inputs]);
}

export function readCall(
  { numbers }: Line,
  tableaus: ReadonlyMap<number, ButcherTableau>,
): { field: number; call: BlockCall; inputs: number } {
  const [field, code, t, t1, flags, handle, tableau, inputs] = numbers as unknown as number[];
  return {
    field: field!,
    inputs: inputs!,
    call: {
      operation: operations[code!]!,
      t: t!,
      t1: t1!,
      read: (flags! & 1) !== 0,
      withTime: (flags! & 2) !== 0,
      handle: handle!,
      tableau: tableaus.get(tableau!),
    },
  };
}

/** The numbers of a result. */
export type Answer = Pick<BlockResult, 't' | 'bytes' | 'stateBytes'>;

export function writeAnswer({ numbers }: Line, { t, bytes, stateBytes }: Answer): void {
  numbers.set([t, bytes, stateBytes], CALL);
}

export function readAnswer({ numbers }: Line): Answer {
  return { t: numbers[CALL]!, bytes: numbers[CALL + 1]!, stateBytes: numbers[CALL + 2]! };
}

/** Room for the arrays of a call, in memory that both threads see. */
export interface BlockMemory {
  readonly buffer: SharedArrayBuffer;
  readonly inputs: readonly (readonly FloatData[])[];
  readonly states: readonly (readonly FloatData[])[];
  readonly parameters: readonly FloatData[];
}

/** The states that a call takes and gives, at most. */
const INPUTS = 2;
const STATES = 3;

/** Lays the memory out; in a new buffer unless one is given. */
export function blockMemory(
  { shapes, parameterShapes, float }: Pick<SentBlock, 'shapes' | 'parameterShapes' | 'float'>,
  given?: SharedArrayBuffer,
): BlockMemory {
  const width = floats(float, 0).BYTES_PER_ELEMENT;
  const states = Array.from({ length: INPUTS + STATES }, () => shapes);
  const total = [...states.flat(), ...parameterShapes].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const buffer = given ?? new SharedArrayBuffer(width * total);
  let offset = 0;
  const room = (shape: readonly number[]): FloatData => {
    const size = sizeOf(shape);
    const view =
      float === 'float64' ? new Float64Array(buffer, offset, size) : new Float32Array(buffer, offset, size);
    offset += width * size;
    return view;
  };
  const rooms = states.map((parts) => parts.map(room));
  return {
    buffer,
    inputs: rooms.slice(0, INPUTS),
    states: rooms.slice(INPUTS),
    parameters: parameterShapes.map(room),
  };
}
