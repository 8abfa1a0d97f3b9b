import { describe, expect, it } from 'vitest';
import { byTurns, medianMs, peakMemoryMb, resetPeakMemory } from './measure.ts';

describe('measurements', () => {
  it('repeat as often as they are told, and more while they are short', () => {
    let count = 0;
    const spin = (): void => {
      count += 1;
      const end = performance.now() + 60;
      while (performance.now() < end);
    };
    const median = medianMs(spin, { runs: 12, warmup: 2 });
    expect(count).toBeGreaterThanOrEqual(14);
    expect(median).toBeGreaterThanOrEqual(60);
  });

  it('of things by turns keep each turn but those of the warm-up', () => {
    let count = 0;
    expect(byTurns(() => count++, { runs: 3, warmup: 2, ms: 0 })).toEqual([2, 3, 4]);
  });

  it('pass errors on', () => {
    const fail = (): void => {
      throw new Error('no');
    };
    expect(() => medianMs(fail, { runs: 1, warmup: 0 })).toThrow('no');
  });

  it('see the memory that was taken since the mark', () => {
    resetPeakMemory();
    const before = peakMemoryMb();
    const taken = Buffer.alloc(64 * 2 ** 20, 1);
    expect(peakMemoryMb() - before).toBeGreaterThan(50);
    expect(taken.length).toBe(64 * 2 ** 20);
  });
});
