import type { ButcherTableau } from '@odegrad/core';

import type { FloatType } from '@odegrad/trace';
import type { ShardDescription } from './shard.ts';
import { MOST_STEPS, operations, type ShardCall, type ShardResult } from './shard-call.ts';
import type { BoundTensor } from '../runtime/session.ts';
import { SPINS } from '../tuning.ts';

/** What a worker is told between calls. */
export type Message =
  | ({ readonly kind: 'field'; readonly field: number } & SentShard)
  | {
      readonly kind: 'variables';
      readonly field: number;
      readonly parameters: readonly Variable[];
      readonly others: readonly Variable[];
    }
  | { readonly kind: 'tableau'; readonly tableau: number; readonly value: ButcherTableau }
  | { readonly kind: 'retire' | 'forget'; readonly field: number };

export type Variable = Pick<BoundTensor, 'type' | 'dims' | 'data'>;

/** A shard, and how its thread is to run it. */
export interface SentShard extends ShardDescription {
  readonly float: FloatType;
  /** Threads of its models, at most. */
  readonly threads: number;
  /** Steps that one call takes, at most. */
  readonly longest: number;
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

/** Numbers of a result, and of a call before its times and ends. */
const ANSWER = 3;
const CALL = ANSWER + 8;
/** Times and ends of a call, at most. */
const LISTED = 5 * MOST_STEPS;

export function openLine(): Line {
  const signals = new Int32Array(new SharedArrayBuffer(12));
  signals[answered] = STARTING;
  return {
    signals,
    numbers: new Float64Array(new SharedArrayBuffer(8 * (CALL + LISTED))),
  };
}

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
  { operation, times, read, withTime, handle, ends }: ShardCall,
  tableau: number,
  inputs: number,
): void {
  const code = operations.indexOf(operation);
  const flags = Number(read) + 2 * Number(withTime);
  numbers.set([field, code, flags, tableau, inputs, handle, times.length, ends.length], ANSWER);
  numbers.set(times, CALL);
  numbers.set(ends, CALL + times.length);
}

export function readCall(
  { numbers }: Line,
  tableaus: ReadonlyMap<number, ButcherTableau>,
): { field: number; call: ShardCall; inputs: number } {
  const [field, code, flags, tableau, inputs, handle, times, ends] = numbers.subarray(
    ANSWER,
    CALL,
  ) as unknown as [number, number, number, number, number, number, number, number];
  return {
    field,
    inputs,
    call: {
      operation: operations[code]!,
      times: [...numbers.subarray(CALL, CALL + times)],
      read: (flags & 1) !== 0,
      withTime: (flags & 2) !== 0,
      handle,
      ends: [...numbers.subarray(CALL + times, CALL + times + ends)],
      tableau: tableaus.get(tableau),
    },
  };
}

/** The numbers of a result. */
export type Answer = Pick<ShardResult, 't' | 'bytes' | 'stateBytes'>;

export function writeAnswer({ numbers }: Line, { t, bytes, stateBytes }: Answer): void {
  numbers.set([t, bytes, stateBytes]);
}

export function readAnswer({ numbers }: Line): Answer {
  const [t, bytes, stateBytes] = numbers as unknown as [number, number, number];
  return { t, bytes, stateBytes };
}
