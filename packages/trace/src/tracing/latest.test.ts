import { expect, test } from 'vitest';

import { latest } from './latest.ts';

test('keeps what was asked for last, and tells of what it lets go, once', () => {
  const gone: string[] = [];
  const entries = latest<number, string>(2, (value) => void gone.push(value));
  entries.set(1, 'one');
  entries.set(2, 'two');
  expect(entries.get(1)).toBe('one');
  entries.set(3, 'three');
  expect(gone).toEqual(['two']);
  expect([1, 2, 3].map((key) => entries.get(key))).toEqual(['one', undefined, 'three']);
  entries.set(4, 'four');
  expect(gone).toEqual(['two', 'one']);
});
