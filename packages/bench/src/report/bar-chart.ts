import { bytes } from '../gradients/table.ts';
import type { Chart } from './svg.ts';
import { colors } from './theme.ts';

/** A number of bytes by two names; series are drawn one below the other. */
export interface Bar {
  readonly group: string;
  readonly name: string;
  readonly series: string;
  readonly value: number;
}

/** Bytes as bars, a panel for each group. */
export function bars(values: readonly Bar[]): Chart {
  const series = [...new Set(values.map((value) => value.series))];
  const groups = [...new Set(values.map(({ group }) => group))];
  const names = [...new Set(values.map(({ name }) => name))];
  const longest = Math.max(...values.map(({ value }) => value));
  return {
    description: values
      .map((bar) => `${bar.group}, ${bar.name}, ${bar.series}: ${bytes(bar.value)}`)
      .join('; '),
    columns: 2,
    spacing: 24,
    concat: groups.map((group) => {
      const encoding = {
        y: {
          field: 'name',
          type: 'nominal',
          sort: names,
          axis: { title: null, grid: false, labelColor: colors.ink, labelFontSize: 13 },
        },
        yOffset: { field: 'series', sort: series },
        x: {
          field: 'value',
          type: 'quantitative',
          axis: null,
          scale: { domain: [0, 1.35 * longest] as [number, number] },
        },
      } as const;
      return {
        title: group,
        width: 250,
        height: 36 * names.length,
        data: {
          values: values
            .filter((value) => value.group === group)
            .map((value) => ({ ...value, label: `${bytes(value.value)} ${value.series}` })),
        },
        layer: [
          {
            mark: { type: 'bar', height: 11 },
            encoding: {
              ...encoding,
              color: {
                field: 'series',
                scale: { domain: series, range: [colors.accent, colors.second] },
                legend: null,
              },
            },
          },
          {
            mark: { type: 'text', align: 'left', dx: 5, fontSize: 10.5 },
            encoding: { ...encoding, text: { field: 'label' } },
          },
        ],
      };
    }),
  };
}
