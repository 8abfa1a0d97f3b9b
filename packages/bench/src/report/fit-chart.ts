import type { Presentation } from '../problems/problem.ts';
import type { SeriesData } from '../problems/series.ts';
import { valueAxis } from './axes.ts';
import { dotSize, type Fit } from './fit.ts';
import type { Chart } from './svg.ts';
import { colors } from './theme.ts';

const palette = [colors.first, colors.second];

interface Point {
  readonly quantity: string;
  readonly time: number;
  readonly value: number;
}

/** Points and curves over time. */
export function fitChart({ presentation, observed, curve }: Fit): Chart {
  const { quantities, time, unit, scale } = presentation;
  const points = pointsOf(presentation, observed);
  const lines = pointsOf(presentation, curve);
  const values = [...points, ...lines].map((point) => point.value);
  const color = { field: 'quantity', scale: { domain: [...quantities], range: palette }, legend: null };
  const x = {
    field: 'time',
    type: 'quantitative',
    axis: { title: time, format: 'd', grid: false, tickCount: 6 },
    scale: { nice: false, zero: false },
  } as const;
  const y = {
    field: 'value',
    type: 'quantitative',
    ...valueAxis(scale, unit ?? quantities.join(', '), values),
  } as const;
  return {
    description: `${quantities.join(' and ')} over time: circles are observations, curves the trained model.`,
    width: 800,
    height: 300,
    layer: [
      { data: { values: lines }, mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y, color } },
      {
        data: { values: points },
        mark: {
          type: 'point',
          filled: true,
          fill: colors.surface,
          strokeWidth: 1.5,
          size: dotSize(points.length),
          opacity: 1,
        },
        encoding: { x, y, stroke: color },
      },
      ...endLabels(lines, quantities).map(({ end, dy }) => ({
        data: { values: [end] },
        mark: { type: 'text', align: 'left', dx: 8, dy, fontSize: 13, fontWeight: 600 } as const,
        encoding: { x, y, color, text: { field: 'quantity' } },
      })),
    ],
  };
}

/** Where the curves end, names moved apart where the ends are close. */
function endLabels(
  lines: readonly Point[],
  quantities: readonly string[],
): { readonly end: Point; readonly dy: number }[] {
  const ends = quantities.map((name) => lines.findLast(({ quantity }) => quantity === name)!);
  const values = lines.map(({ value }) => value);
  const range = Math.max(...values) - Math.min(...values);
  const heights = ends.map(({ value }) => value);
  const close = Math.max(...heights) - Math.min(...heights) < 0.08 * range;
  const highest = ends.indexOf(ends.toSorted((a, b) => b.value - a.value)[0]!);
  return ends.map((end, i) => ({ end, dy: close ? (i === highest ? -9 : 9) : 0 }));
}

function pointsOf({ quantities, timeOf, valueOf }: Presentation, { times, values }: SeriesData): Point[] {
  return quantities.flatMap((quantity, i) =>
    times.map((t, j) => ({ quantity, time: timeOf(t), value: valueOf(values[i]![j]!, i) })),
  );
}
