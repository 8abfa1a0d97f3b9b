import type { Comparison } from '../gradients/compare.ts';
import { bytes } from '../gradients/table.ts';
import type { TradeOff } from '../train/trade-off.ts';
import { valueAxis } from './axes.ts';
import type { Chart } from './svg.ts';
import { colors } from './theme.ts';

interface Point {
  readonly label: string;
  readonly memory: number;
  readonly ms: number;
}

/** Time of a gradient against the peak of what it held: a point for each strategy, a line for budgets. */
export function tradeOffChart({ strategies, budgets }: TradeOff): Chart {
  const point = (label: string, { bytesPeak, forwardMs, backwardMs }: Comparison): Point => ({
    label,
    memory: bytesPeak,
    ms: forwardMs + backwardMs,
  });
  const named = strategies.map((row) => point(row.strategy, row));
  const between = budgets.map((row) => point('auto', row));
  const all = [...named, ...between];
  const encoding = {
    x: {
      field: 'memory',
      type: 'quantitative',
      ...valueAxis(
        'log',
        'peak memory (bytes)',
        all.map(({ memory }) => memory),
      ),
    },
    y: {
      field: 'ms',
      type: 'quantitative',
      axis: { title: 'time of value and gradient (ms)', tickCount: 5 },
      scale: { zero: true, nice: true },
    },
  } as const;
  return {
    description: `Time and peak memory of a gradient. ${all
      .map(({ label, memory, ms }) => `${label}: ${bytes(memory)}, ${ms.toFixed(1)} ms`)
      .join('; ')}.`,
    width: 780,
    height: 320,
    layer: [
      {
        data: { values: between },
        mark: {
          type: 'line',
          color: colors.second,
          strokeWidth: 2,
          point: { color: colors.second, size: 30, filled: true },
        },
        encoding,
      },
      {
        data: { values: named },
        mark: { type: 'point', color: colors.accent, filled: true, size: 70, opacity: 1 },
        encoding,
      },
      {
        data: { values: named },
        mark: { type: 'text', align: 'left', dx: 8, dy: -6 },
        encoding: { ...encoding, text: { field: 'label' } },
      },
    ],
  };
}
