import { describe, expect, it } from 'vitest';
import { bars } from './bar-chart.ts';
import { heatmap } from './heatmap.ts';
import { lineChart } from './line-chart.ts';
import { scatter } from './scatter.ts';
import { renderSvg } from './svg.ts';

describe('pictures', () => {
  it('draw heatmaps in runs of a colour, and leave out what is no number', () => {
    const svg = heatmap({
      description: 'a "b"',
      values: [
        [0, 0, 1],
        [NaN, 1, 1],
      ],
      range: [0, 1],
      x: 'time',
      y: 'space',
    });
    expect(svg).toContain('aria-label="a &quot;b&quot;"');
    const paths = [...svg.matchAll(/<path [^>]*d="([^"]*)"/g)].map(([, d]) => d!);
    // Two colours: one run of the first, one in each row of the second.
    expect(paths.map((d) => d.split('M').length - 1)).toEqual([1, 2]);
  });

  it('draw points that are in sight', () => {
    const svg = scatter({
      description: 'points',
      points: [
        [0, 0],
        [5, 0],
        [-1, 1],
      ],
      reach: 2,
    });
    expect(svg).toContain('d="M150.0 150.0h0M75.0 75.0h0"');
  });

  it('draw lines, and leave out what a logarithm cannot hold', async () => {
    const chart = lineChart(
      [
        {
          name: 'a',
          points: [
            [1, 1e-6],
            [10, 0],
            [100, 1e-2],
          ],
        },
        { name: 'b', points: [[1, NaN]] },
      ],
      { x: 'x', y: 'y', xScale: 'log', yScale: 'log', points: true },
    );
    expect(chart).toMatchObject({ data: { values: [{ b: 1e-6 }, { b: 1e-2 }] } });
    expect(await renderSvg(chart)).toMatch(/1e-6/);
  });

  it('draw bars with what they count', async () => {
    const svg = await renderSvg(
      bars([
        { group: 'g', name: 'n', series: 'process', value: 2e6 },
        { group: 'g', name: 'n', series: 'ledger', value: 1e6 },
      ]),
    );
    expect(svg).toMatch(/2\.00 MB process/);
  });
});
