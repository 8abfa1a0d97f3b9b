import * as tf from '@tensorflow/tfjs';
import type { OdeOptions } from '@odegrad/engine-tfjs';
import { logDensity, sample } from '@odegrad/models';
import { heatmap } from '../../report/heatmap.ts';
import { lineChart } from '../../report/line-chart.ts';
import { scatter } from '../../report/scatter.ts';
import { renderSvg } from '../../report/svg.ts';
import type { Figure } from '../experiment.ts';
import type { FittedFlow } from './fit.ts';

const CELLS = 56;
const REACH = 3;
const SAMPLES = 1000;

/** What is drawn of a flow, taken while its variables are alive. */
export interface Drawn {
  readonly fitted: FittedFlow;
  /** Of the first two columns. */
  readonly samples: readonly (readonly [number, number])[];
  /** Densities on a grid over the plane, for flows of two dimensions. */
  readonly density?: readonly (readonly number[])[];
}

/** Samples of a flow and, in the plane, its density. */
export function drawFlow(fitted: FittedFlow, ode: OdeOptions): Drawn {
  const { flow, sampled } = fitted;
  const columns = (x: tf.Tensor2D): [number, number][] => x.arraySync().map(([a, b = 0]) => [a!, b]);
  const samples = tf.tidy(() => columns(sample(flow, SAMPLES, { ode, seed: 5 })));
  if (sampled.dimension !== 2) return { fitted, samples };
  const at = (i: number): number => REACH * ((2 * i + 1) / CELLS - 1);
  const grid = Array.from({ length: CELLS ** 2 }, (_, k) => [at(k % CELLS), at(Math.floor(k / CELLS))]);
  const values = tf.tidy(() => [
    ...tf.exp(logDensity(flow, tf.tensor2d(grid), { ode })).dataSync<'float32'>(),
  ]);
  const density = Array.from({ length: CELLS }, (_, i) => values.slice(i * CELLS, (i + 1) * CELLS));
  return { fitted, samples, density };
}

/** The pictures of one distribution. */
export async function flowFigures({ fitted, samples, density }: Drawn): Promise<Figure[]> {
  const { sampled, losses } = fitted;
  const { name, entropy, logScale } = sampled;
  const held = sampled.held.slice(0, SAMPLES).map(([a, b = 0]) => [a!, b] as const);
  const curve = {
    name: 'batches',
    points: smooth(losses).map((loss, i) => [i + 1, loss + logScale] as const),
  };
  const level = (title: string, value: number): typeof curve => ({
    name: title,
    points: [1, losses.length].map((i) => [i, value + logScale] as const),
  });
  const lines = [
    curve,
    level('held back', fitted.held),
    level('one Gaussian', fitted.gaussian),
    ...(entropy === undefined ? [] : [level('entropy', entropy)]),
  ];
  const which = sampled.dimension > 2 ? ' (first two columns)' : '';
  return [
    {
      title: `${name}: data`,
      caption: `Points that were held back${which}.`,
      svg: scatter({ description: `Points of ${name}.`, points: held, reach: REACH }),
      wide: false,
    },
    ...(density
      ? [
          {
            title: `${name}: learned density`,
            caption: 'exp log p of the flow over the plane.',
            svg: heatmap({
              description: `The density that the flow learned of ${name}.`,
              values: density,
              range: [0, Math.max(...density.flat())] as const,
              x: '',
              y: '',
              square: true,
            }),
            wide: false,
          },
        ]
      : []),
    {
      title: `${name}: samples`,
      caption: `Points drawn from the flow${which}.`,
      svg: scatter({ description: `Samples of the flow for ${name}.`, points: samples, reach: REACH }),
      wide: false,
    },
    {
      title: `${name}: likelihood`,
      caption: 'Mean of −log p, in nats.',
      svg: await renderSvg(lineChart(lines, { x: 'iteration', y: '−log p' })),
      wide: false,
    },
  ];
}

function smooth(losses: readonly number[]): number[] {
  const reach = Math.floor(losses.length / 40);
  return losses.map((_, i) => {
    const near = losses.slice(Math.max(0, i - reach), i + reach + 1);
    return near.reduce((sum, loss) => sum + loss, 0) / near.length;
  });
}
