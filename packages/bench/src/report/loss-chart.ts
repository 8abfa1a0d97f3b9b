import { valueAxis } from './axes.ts';
import type { Chart } from './svg.ts';
import { colors } from './theme.ts';

/** The loss of each iteration, on a logarithmic axis. */
export function lossChart(losses: readonly number[]): Chart {
  return {
    description: `Loss over ${losses.length} iterations, from ${losses[0]!.toPrecision(2)} to ${losses.at(-1)!.toPrecision(2)}.`,
    width: 360,
    height: 300,
    data: { values: losses.map((loss, i) => ({ iteration: i + 1, loss })) },
    mark: { type: 'line', strokeWidth: 1.5, color: colors.accent },
    encoding: {
      x: {
        field: 'iteration',
        type: 'quantitative',
        axis: { title: 'iteration', grid: false, tickCount: 5 },
        scale: { nice: false },
      },
      y: {
        field: 'loss',
        type: 'quantitative',
        ...valueAxis('log', 'loss', losses),
      },
    },
  };
}
