import { describe } from '../arguments/describe.ts';
import { ArgumentError } from '../arguments/errors.ts';

/** Refuses output times unless there is one at least, and they are finite and never turn back. The last may be infinite if `endless`. */
export function checkTimes(ts: readonly number[], endless = false): void {
  const isList = Array.isArray as (value: unknown) => boolean;
  if (!isList(ts) && !ArrayBuffer.isView(ts)) {
    throw new ArgumentError(`\`ts\` must be an array of numbers, not ${describe(ts)}.`);
  }
  if (ts.length === 0) throw new ArgumentError('`ts` needs at least one time, the start, got none.');
  for (let i = 0, direction = 0; i < ts.length; i++) {
    const t = ts[i]!;
    const isEnd = endless && i > 0 && i === ts.length - 1 && Math.abs(t) === Infinity;
    if (!Number.isFinite(t) && !isEnd)
      throw new ArgumentError(`\`ts[${i}]\` is ${describe(t)}; times must be finite.`);
    const change = i === 0 ? 0 : Math.sign(t - ts[i - 1]!);
    if (change * direction < 0) {
      throw new ArgumentError(
        `\`ts\` must be increasing or decreasing, with repeats if need be, but turns back between ` +
          `ts[${i - 1}] = ${ts[i - 1]!} and ts[${i}] = ${t}. Sort the times.`,
      );
    }
    direction ||= change;
  }
}
