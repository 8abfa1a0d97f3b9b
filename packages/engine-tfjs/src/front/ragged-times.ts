import { Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { describe } from './describe.ts';
import type { Part } from './parts.ts';
import { inBrackets } from '../tape/shape.ts';
import { checkRoundedTimes } from './time-resolution.ts';

/** Times of the rows of a batch, each with its own: B rows of T times. */
export interface RaggedTimes {
  /** All of them in the order of the solve. */
  readonly times: readonly number[];
  /** The row of each. */
  readonly rows: readonly number[];
  /** Where each is in trajectories `[T, B, …]`, counted through their first two dimensions. */
  readonly places: readonly number[];
  /** B and T. */
  readonly count: number;
  readonly length: number;
}

/** Whether times are by row. */
export const isRagged = (ts: unknown): boolean =>
  ts instanceof Tensor
    ? ts.rank === 2 && ts.dtype === 'float32' && !ts.isDisposed
    : Array.isArray(ts) && (Array.isArray(ts[0]) || ArrayBuffer.isView(ts[0]));

/**
 * Takes times by row, `[B][T]` or a tensor `[B, T]`, in the order that all of them have.
 *
 * @throws {ArgumentError} where rows have times of different number, none, or such as no solve has.
 */
export function raggedTimes(ts: unknown): RaggedTimes {
  const lists = (ts instanceof Tensor ? (ts.arraySync() as number[][]) : ts) as readonly unknown[];
  const rows = lists.map((row, b) => {
    if (Array.isArray(row) || ArrayBuffer.isView(row)) return Array.from(row as unknown as ArrayLike<number>);
    throw new ArgumentError(
      `\`ts[${b}]\` must be an array of numbers like the others, the times of row ${b}, not ${describe(row)}.`,
    );
  });
  const [count, length] = [rows.length, rows[0]?.length ?? 0];
  if (length === 0) throw new ArgumentError('`ts` needs at least one time for each row, got none.');
  rows.forEach((row, b) => {
    if (row.length !== length)
      throw new ArgumentError(
        `\`ts[${b}]\` has ${row.length} times and \`ts[0]\` has ${length}. Repeat the last time of rows that have fewer.`,
      );
    if (ts instanceof Tensor) checkRoundedTimes(row);
  });
  const sign = directionOf(rows);
  const places = Array.from({ length: length * count }, (_, place) => place);
  const timeAt = (place: number): number => rows[place % count]![Math.floor(place / count)]!;
  places.sort((a, b) => sign * (timeAt(a) - timeAt(b)));
  return { times: places.map(timeAt), rows: places.map((place) => place % count), places, count, length };
}

/** @throws {ArgumentError} unless all rows are finite and go one way. */
function directionOf(rows: readonly (readonly number[])[]): number {
  let direction = 0;
  rows.forEach((row, b) => {
    row.forEach((t, j) => {
      if (!Number.isFinite(t))
        throw new ArgumentError(`\`ts[${b}][${j}]\` is ${describe(t)}; times must be finite numbers.`);
      const change = j === 0 ? 0 : Math.sign(t - row[j - 1]!);
      if (change * direction < 0)
        throw new ArgumentError(
          `\`ts[${b}]\` turns back, or goes another way than the rows before, at ts[${b}][${j}] = ${t}. The times of all rows must ` +
            'be increasing, or those of all decreasing.',
        );
      direction ||= change;
    });
  });
  return direction || 1;
}

/** @throws {ArgumentError} unless every part of y0 has a row for each row of times. */
export function checkRows({ count }: RaggedTimes, y0: readonly Part[], names: readonly string[]): void {
  const wrong = y0.findIndex(({ shape }) => shape[0] !== count);
  if (wrong < 0) return;
  throw new ArgumentError(
    `\`ts\` has times for ${count} rows, but ${names[wrong]!} is of the shape ${inBrackets(y0[wrong]!.shape)}: its first dimension must ` +
      `be ${count}, that of the batch.`,
  );
}
