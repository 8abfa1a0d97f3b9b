import type { TopLevelSpec } from 'vega-lite';
import type { Comparison } from '../gradients/compare.ts';
import { bytes } from '../gradients/table.ts';
import type { Chart } from './svg.ts';
import { colors } from './theme.ts';

type Panel = Extract<TopLevelSpec, { hconcat: unknown }>['hconcat'][number];

/** Bytes of activations and of kept states, strategy by strategy. */
export function memoryChart(rows: readonly Comparison[]): Chart {
  const order = rows.map(({ strategy }) => strategy);
  const panel = (
    title: string,
    color: string,
    count: (row: Comparison) => number,
    labels: boolean,
  ): Panel => {
    const values = rows.map((row) => ({
      strategy: row.strategy,
      count: count(row),
      label: bytes(count(row)),
    }));
    const y = {
      field: 'strategy',
      type: 'nominal',
      sort: [...order],
      axis: { title: null, grid: false, labels, labelColor: colors.ink, labelFontSize: 13 },
    } as const;
    const x = {
      field: 'count',
      type: 'quantitative',
      axis: null,
      // Room for the label of the longest bar.
      scale: { domain: [0, 1.3 * Math.max(...values.map((value) => value.count))] as [number, number] },
    } as const;
    return {
      title,
      width: 350,
      height: 30 * rows.length,
      data: { values },
      layer: [
        { mark: { type: 'bar', color, height: 14 }, encoding: { x, y } },
        { mark: { type: 'text', align: 'left', dx: 6 }, encoding: { x, y, text: { field: 'label' } } },
      ],
    };
  };
  return {
    description: `Bytes held by each gradient strategy. ${rows
      .map(
        (row) =>
          `${row.strategy}: activations ${bytes(row.activationBytesPeak)}, kept states ${bytes(row.keptStateBytes)}`,
      )
      .join('; ')}.`,
    hconcat: [
      panel('activations alive at once', colors.accent, (row) => row.activationBytesPeak, true),
      panel('states kept for the way back', colors.second, (row) => row.keptStateBytes, false),
    ],
    spacing: 30,
  };
}
