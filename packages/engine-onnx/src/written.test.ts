import { expect, test } from 'vitest';

import { written } from './written.ts';

test.each([
  0,
  1,
  -3,
  0.1,
  -0.001,
  1e-5,
  0.044715,
  1 / 3,
  -5 / 7,
  44 / 45,
  Math.PI,
  -Math.PI / 2,
  2 / Math.sqrt(Math.PI),
  Math.sqrt(2 / Math.PI),
  1.7580993408473768,
])('recovers %d', (x) => {
  expect(written(Math.fround(x))).toBe(x);
});

test('never leaves the float32 that it was given', () => {
  for (let i = 1; i < 2000; i++) {
    const x = Math.fround(Math.sin(i) * 10 ** (i % 7));
    expect(Math.fround(written(x))).toBe(x);
  }
  expect(written(Infinity)).toBe(Infinity);
});
