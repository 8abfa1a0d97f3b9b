import { expect, test, vi } from 'vitest';

import { recovered, written } from './written.ts';

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

test('recovers all numbers of a tensor or none, and says once where it cannot', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const exact = Float32Array.of(0, -0, 0.5, 1.25, 1234567, 1.7e9, Infinity, NaN);
  expect(recovered(exact)).toEqual(exact);
  expect(recovered(Float32Array.of(0.1, 2, -1 / 3))).toEqual(Float64Array.of(0.1, 2, -1 / 3));
  expect(warn).not.toHaveBeenCalled();
  const some = Float32Array.of(0.1, 9.806651, 1701234567);
  expect(recovered(some)).toEqual(some);
  expect(recovered(some)).not.toBe(some);
  expect(warn.mock.calls).toEqual([[expect.stringContaining('3 numbers')]]);
  expect(warn.mock.calls).toEqual([[expect.stringContaining(String(Math.fround(9.806651)))]]);
  warn.mockRestore();
});
