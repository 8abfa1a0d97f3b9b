import { check, countOf } from '@odegrad/core';
import { minimalExtraSteps as minimum } from './revolve.ts';

/**
 * The fewest steps advanced again after a forward pass over n steps that kept c states, the initial one counted,
 * and ended with state n − 1 at hand.
 *
 * @throws {ArgumentError} unless both are positive integers.
 */
export function minimalExtraSteps(n: number, c: number): number {
  check('n', n, countOf('the number of steps'));
  check('c', c, countOf('the number of states kept'));
  return minimum(n, c);
}
