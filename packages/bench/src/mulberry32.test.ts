import { describe, expect, it } from 'vitest';
import { mulberry32 } from './mulberry32.ts';

/** The same stream by its definition in whole numbers of any size. */
function* byDefinition(seed: bigint): Generator<number> {
  const word = (x: bigint): bigint => BigInt.asUintN(32, x);
  for (let s = seed; ;) {
    s = word(s + 0x6d2b79f5n);
    let t = word((s ^ (s >> 15n)) * (s | 1n));
    t = word(t + word((t ^ (t >> 7n)) * (t | 61n))) ^ t;
    yield Number(t ^ (t >> 14n)) / 2 ** 32;
  }
}

describe('mulberry32', () => {
  it.each([0, 101, 105, 2 ** 32 - 1])('follows its definition from seed %i', (seed) => {
    const draw = mulberry32(seed);
    const wanted = byDefinition(BigInt(seed));
    for (let i = 0; i < 2000; i++) expect(draw()).toBe(wanted.next().value);
  });

  it('stays in [0, 1), with the mean and variance of uniform numbers', () => {
    const draw = mulberry32(7);
    const sample = Array.from({ length: 20_000 }, draw);
    expect(Math.min(...sample)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...sample)).toBeLessThan(1);
    const mean = sample.reduce((a, b) => a + b) / sample.length;
    const variance = sample.reduce((sum, u) => sum + (u - mean) ** 2, 0) / sample.length;
    expect(mean).toBeCloseTo(1 / 2, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });
});
