import { describe, expect, it } from 'vitest';
import type { Comparison } from '../gradients/compare.ts';
import { bytes } from '../gradients/table.ts';
import { logTicks, valueAxis } from './axes.ts';
import { escapeHtml, table } from './html.ts';
import { spreadLabels } from './labels.ts';
import { lossChart } from './loss-chart.ts';
import { memoryChart } from './memory-chart.ts';
import { renderSvg } from './svg.ts';

describe('axes', () => {
  it('puts ticks at 1, 2, 5 of each decade, exactly', () => {
    expect(logTicks([0.04, 3])).toEqual([0.05, 0.1, 0.2, 0.5, 1, 2]);
    expect(logTicks([1e-3, 5])).toEqual([1e-3, 1e-2, 1e-1, 1]);
  });

  it('leaves a margin round the data', () => {
    expect(valueAxis('linear', '', [0, 100]).scale.domain).toEqual([-6, 106]);
    const [low, high] = valueAxis('log', '', [1, 100]).scale.domain;
    expect(low * high).toBeCloseTo(100, 9);
    expect(high).toBeGreaterThan(100);
  });
});

describe('html', () => {
  it('escapes text', () => {
    expect(escapeHtml('<a "b" & c>')).toBe('&lt;a &quot;b&quot; &amp; c&gt;');
    expect(table(['<x>'], [['a & b', '<td>']])).toMatch(/&lt;x&gt;[^]*a &amp; b[^]*&lt;td&gt;/);
  });

  it('says bytes as people do', () => {
    expect([0, 16, 999, 1000, 12_345, 999_999, 1e6, 5e9].map(bytes)).toEqual([
      '0 B',
      '16 B',
      '999 B',
      '1.00 kB',
      '12.3 kB',
      '1.00 MB',
      '1.00 MB',
      '5.00 GB',
    ]);
  });
});

describe('labels', () => {
  it('are moved apart where they would cover one another, and stay where they would not', () => {
    const labels = [
      { text: 'far away', x: 300, y: 100 },
      { text: 'symplectic', x: 10, y: 100 },
      { text: 'binomial', x: 12, y: 102 },
      { text: 'online', x: 14, y: 103 },
    ];
    const shifts = spreadLabels(labels);
    expect(shifts[0]).toBe(0);
    const heights = labels.slice(1).map(({ y }, i) => y + shifts[i + 1]!);
    const gaps = heights.toSorted((a, b) => a - b).map((y, i, all) => y - (all[i - 1] ?? -Infinity));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(14);
    expect(Math.max(...shifts.map(Math.abs))).toBeLessThanOrEqual(2 * 14);
  });
});

describe('charts', () => {
  it('are drawn with the colours of the page and name no address', async () => {
    const svg = await renderSvg(lossChart([1, 0.5, 0.1]));
    expect(svg.includes('stroke="var(--accent)"')).toBe(true);
    expect(/http|url\(/.exec(svg)).toBeNull();
    expect(/^<svg [^>]*>/.exec(svg)![0]).toContain(
      'role="img" aria-label="Loss over 3 iterations, from 1.0 to 0.10."',
    );
  });

  it('say the bytes of each strategy in words too', async () => {
    const row = (strategy: string, count: number): Comparison => ({
      strategy,
      exact: true,
      steps: 1,
      keptStateBytes: count,
      activationBytesPeak: 3 * count,
      evaluationsForward: 1,
      evaluationsBackward: 1,
      pullbacks: 1,
      extraSteps: 0,
      gradientError: 0,
      forwardMs: 1,
      backwardMs: 1,
      bytesPeak: 1,
    });
    const svg = await renderSvg(memoryChart([row('one', 1000), row('two', 20)]));
    expect(/^<svg [^>]*>/.exec(svg)![0]).toContain(
      'one: activations 3.00 kB, kept states 1.00 kB; two: activations 60 B, kept states 20 B',
    );
    for (const label of ['>3.00 kB<', '>1.00 kB<', '>60 B<', '>20 B<'])
      expect(svg.includes(label)).toBe(true);
  });
});
