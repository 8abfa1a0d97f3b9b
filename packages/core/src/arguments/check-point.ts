import { describe } from './describe.ts';
import { ArgumentError } from './errors.ts';

/** @throws {ArgumentError} where there is no solution at `t`. */
export function checkPoint([first, last]: readonly [number, number], t: unknown, what: string): void {
  if (typeof t === 'number' && t >= Math.min(first, last) && t <= Math.max(first, last)) return;
  throw new ArgumentError(
    `\`${what}\`: t must be a number from ${first} to ${last}, where the solution is, not ${describe(t)}.`,
  );
}
