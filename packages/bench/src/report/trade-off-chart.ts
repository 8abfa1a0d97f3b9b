import type { Comparison } from '../gradients/compare.ts';
import { bytes } from '../gradients/table.ts';
import type { TradeOff } from '../train/trade-off.ts';
import { valueAxis } from './axes.ts';
import { spreadLabels } from './labels.ts';
import type { Chart } from './svg.ts';
import { colors } from './theme.ts';

const WIDTH = 780;
const HEIGHT = 320;

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
  const memory = valueAxis(
    'log',
    'peak memory (bytes)',
    all.map((entry) => entry.memory),
  );
  const highest = 1.1 * Math.max(...all.map(({ ms }) => ms));
  const encoding = {
    x: { field: 'memory', type: 'quantitative', ...memory },
    y: {
      field: 'ms',
      type: 'quantitative',
      axis: { title: 'time of value and gradient (ms)', tickCount: 5 },
      scale: { domain: [0, highest] as [number, number], nice: false },
    },
  } as const;
  const [low, high] = memory.scale.domain.map(Math.log) as [number, number];
  const shifts = spreadLabels(
    named.map((entry) => ({
      text: entry.label,
      x: (WIDTH * (Math.log(entry.memory) - low)) / (high - low),
      y: HEIGHT * (1 - entry.ms / highest),
    })),
  );
  return {
    description: `Time and peak memory of a gradient. ${all
      .map(({ label, memory, ms }) => `${label}: ${bytes(memory)}, ${ms.toFixed(1)} ms`)
      .join('; ')}.`,
    width: WIDTH,
    height: HEIGHT,
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
      ...named.map((entry, i) => ({
        data: { values: [entry] },
        mark: { type: 'text', align: 'left', baseline: 'middle', dx: 9, dy: shifts[i]! } as const,
        encoding: { ...encoding, text: { field: 'label' } },
      })),
    ],
  };
}
