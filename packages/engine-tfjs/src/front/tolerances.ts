import { check, numberThat, type ByPart } from '@odegrad/core';
import type { Structure } from './structure.ts';

/** A tolerance as users give it: one number for the whole state, or numbers of the structure of y0. */
export type Tolerances = number | readonly number[] | Readonly<Record<string, number>>;

const finite = numberThat('≥ 0', (x) => x >= 0 && x < Infinity);

/** What the tolerance of one part may be: an absolute one of Infinity leaves the part out of the error norm. */
const OF_A_PART = { rtol: finite, atol: numberThat('≥ 0', (x) => x >= 0) };

/** @throws {ArgumentError} that says which part's tolerance is wrong, or how the structure differs from that of y0. */
export function byPart(
  name: 'rtol' | 'atol',
  value: Tolerances,
  structure: Pick<Structure<unknown>, 'flatten'>,
): ByPart {
  if (typeof value !== 'number')
    return structure.flatten(
      value,
      name,
      (part, of) => {
        check(of, part, OF_A_PART[name]);
        return part as number;
      },
      'numbers',
    );
  check(name, value, finite);
  return value;
}
