import { valueAxis } from './axes.ts';
import type { Chart } from './svg.ts';
import { colors, seriesColors } from './theme.ts';

/** A line with a name. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What the axes say and how they are divided. */
export interface LineAxes {
  readonly x: string;
  readonly y: string;
  readonly xScale?: 'linear' | 'log';
  readonly yScale?: 'linear' | 'log';
  /** Whether single points are marked. */
  readonly points?: boolean;
}

/** Lines in one plot, named below it. Points that a logarithmic axis cannot hold are left out. */
export function lineChart(
  series: readonly Series[],
  { x, y, xScale = 'linear', yScale = 'linear', points = false }: LineAxes,
): Chart {
  const fits = (value: number, scale: 'linear' | 'log'): boolean =>
    Number.isFinite(value) && (scale === 'linear' || value > 0);
  const values = series.flatMap(({ name, points: line }) =>
    line.filter(([a, b]) => fits(a, xScale) && fits(b, yScale)).map(([a, b]) => ({ name, a, b })),
  );
  const names = series.map(({ name }) => name);
  return {
    description: `${y} against ${x}: ${series
      .map(({ name, points: line }) => `${name} ends at ${line.at(-1)?.[1].toPrecision(2) ?? 'nothing'}`)
      .join('; ')}.`,
    width: 360,
    height: 240,
    data: { values },
    mark: {
      type: 'line',
      strokeWidth: 2,
      ...(points ? { point: { size: 25, filled: true } } : {}),
    },
    encoding: {
      x: {
        field: 'a',
        type: 'quantitative',
        ...lineAxis(
          xScale,
          x,
          values.map(({ a }) => a),
        ),
      },
      y: {
        field: 'b',
        type: 'quantitative',
        ...lineAxis(
          yScale,
          y,
          values.map(({ b }) => b),
        ),
      },
      color: {
        field: 'name',
        scale: { domain: names, range: seriesColors.slice(0, names.length) },
        legend: {
          orient: 'bottom',
          title: null,
          columns: 2,
          labelLimit: 220,
          labelColor: colors.muted,
          labelFontSize: 12,
          symbolType: 'stroke',
        },
      },
      // Lines that lie on one another are told apart by their gaps.
      strokeDash: {
        field: 'name',
        scale: {
          domain: names,
          range: names.map(
            (_, i) =>
              [
                [1, 0],
                [7, 4],
                [2, 3],
                [9, 3, 2, 3],
              ][i % 4]!,
          ),
        },
      },
      order: { field: 'a', type: 'quantitative' },
    },
  };
}

/** As others, but small numbers as powers of ten: there is little room. */
function lineAxis(
  type: 'linear' | 'log',
  title: string,
  values: readonly number[],
): ReturnType<typeof valueAxis> {
  const made = valueAxis(type, title, values);
  const small = type === 'log' && Math.min(...values) < 1e-3;
  return small ? { ...made, axis: { ...made.axis, format: '.0e' } } : made;
}
