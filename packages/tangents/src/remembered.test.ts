import { expect, it } from 'vitest';
import { remembered } from './remembered.ts';

it('gives the same for the same, and forgets what was not asked for the longest', () => {
  const f = (): void => undefined;
  let made = 0;
  const get = (...of: readonly unknown[]): number => remembered(f, of, () => ++made);
  expect([get('a'), get('b'), get('a', 1), get('a'), get('b')]).toEqual([1, 2, 3, 1, 2]);
  expect([get('c'), get('d'), get('b'), get('a', 1)]).toEqual([4, 5, 2, 6]);
  expect(remembered({}, ['a'], () => 'of another')).toBe('of another');
});

it('passes on what is no function at all', () => {
  for (const f of [null, undefined, 'f', 3]) expect(remembered(f, [], () => 1)).toBe(1);
});
