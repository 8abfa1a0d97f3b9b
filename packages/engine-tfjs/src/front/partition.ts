import { check, valueThat, type Partition } from '@odegrad/core';
import type { Structure } from './structure.ts';

/** Positions and momenta as users tell them: `'q'` or `'p'` for each part, in the structure of y0. */
export type PartitionOf = Partition | Readonly<Record<string, 'q' | 'p'>>;

const group = valueThat("'q' or 'p'", (value) => value === 'q' || value === 'p');

/** @throws {ArgumentError} that says which part's group is wrong, or how the structure differs from that of y0. */
export function partitionOf(
  given: PartitionOf | undefined,
  structure: Pick<Structure<unknown>, 'flatten' | 'names'>,
): Partition | undefined {
  if (given !== undefined)
    return structure.flatten(
      given,
      'partition',
      (part, of) => {
        check(of, part, group);
        return part as 'q' | 'p';
      },
      'groups',
    );
  // A state { q, p } needs no word.
  const names = structure.names('');
  return names.length === 2 && names.includes('.q') && names.includes('.p')
    ? names.map((name) => name.slice(1) as 'q' | 'p')
    : undefined;
}
