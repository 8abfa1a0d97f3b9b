import type { Presentation } from '../problems/problem.ts';
import type { SeriesData } from '../problems/series.ts';
import { valueAxis } from './axes.ts';
import { dotSize, type Fit } from './fit.ts';
import type { Chart } from './svg.ts';
import { colors } from './theme.ts';

/** The first quantity against the second. */
export function phaseChart({ presentation, observed, curve }: Fit): Chart {
  const { quantities, unit, scale } = presentation;
  const [first, second] = quantities as [string, string];
  const line = pairs(presentation, curve);
  const points = pairs(presentation, observed);
  const all = [...line, ...points];
  const title = (name: string): string => (unit ? `${name}, ${unit}` : name);
  const x = {
    field: 'a',
    type: 'quantitative',
    ...valueAxis(
      scale,
      title(first),
      all.map(({ a }) => a),
    ),
  } as const;
  const y = {
    field: 'b',
    type: 'quantitative',
    ...valueAxis(
      scale,
      title(second),
      all.map(({ b }) => b),
    ),
  } as const;
  return {
    description: `${second} against ${first}: circles are observations, the curve is the trained model.`,
    width: 360,
    height: 300,
    layer: [
      {
        data: { values: line },
        mark: { type: 'line', strokeWidth: 2, color: colors.accent },
        encoding: { x, y, order: { field: 'time', type: 'quantitative' } },
      },
      {
        data: { values: points },
        mark: {
          type: 'point',
          filled: true,
          fill: colors.surface,
          stroke: colors.accent,
          strokeWidth: 1.5,
          size: dotSize(points.length),
          opacity: 1,
        },
        encoding: { x, y },
      },
      {
        data: { values: [{ ...line[0]!, label: `${presentation.time} ${line[0]!.time}` }] },
        mark: { type: 'text', align: 'right', dx: -8, color: colors.muted },
        encoding: { x, y, text: { field: 'label' } },
      },
    ],
  };
}

function pairs(
  { timeOf, valueOf }: Presentation,
  { times, values }: SeriesData,
): { time: number; a: number; b: number }[] {
  return times.map((t, j) => ({
    time: timeOf(t),
    a: valueOf(values[0]![j]!, 0),
    b: valueOf(values[1]![j]!, 1),
  }));
}
