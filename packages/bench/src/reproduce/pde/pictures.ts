import { heatmap } from '../../report/heatmap.ts';
import { lineChart, type Series } from '../../report/line-chart.ts';
import { renderSvg } from '../../report/svg.ts';
import type { Figure } from '../experiment.ts';
import { stateAt, type Trajectories } from './data.ts';
import type { Equation } from './equation.ts';
import type { Learned } from './learn.ts';
import type { Prediction } from './predict.ts';

/** What the figures are drawn of. */
export interface Pictured {
  readonly equation: Equation;
  readonly data: Trajectories;
  readonly row: number;
  readonly learned: readonly Learned[];
  /** By strategy; undefined where a model could not be followed. */
  readonly predictions: readonly (Prediction | undefined)[];
}

/** Space–time plots, energy and mass along them, the trainings. */
export async function pictures(pictured: Pictured): Promise<Figure[]> {
  const { data, row, learned, predictions } = pictured;
  const values = Array.from({ length: data.ts.length }, (_, i) => [...stateAt(data, i, row)]).flat();
  const range = [Math.min(...values), Math.max(...values)] as const;
  const shown = ['symplectic', 'adjoint'].flatMap((name) => {
    const prediction = predictions[learned.findIndex(({ strategy }) => strategy === name)];
    return prediction ? [{ name, prediction }] : [];
  });
  return [
    spaceTime('The data', 'A trajectory that was not trained on, solved in doubles.', data, row, range),
    ...shown.map(({ name, prediction }) =>
      spaceTime(
        `Predicted, trained by ${name}`,
        'From the same first state, by the learned energy.',
        prediction.trajectory,
        0,
        range,
      ),
    ),
    {
      title: 'Loss',
      caption: 'Squared error of one interval over that of predicting no change, at each iteration.',
      svg: await renderSvg(
        lineChart(
          learned.map(({ strategy, losses }) => ({
            name: strategy,
            points: smooth(losses).map((loss, i) => [i + 1, loss] as const),
          })),
          { x: 'iteration', y: 'relative squared error', yScale: 'log' },
        ),
      ),
      wide: false,
    },
    await alongFigure('Energy', 'By the formula of the equation.', pictured, energyOf),
    await alongFigure(
      'Change of mass',
      'The integral of u less what it was: rounding.',
      pictured,
      changeOfMass,
    ),
  ];
}

function spaceTime(
  title: string,
  caption: string,
  trajectory: Trajectories,
  row: number,
  range: readonly [number, number],
): Figure {
  const states = trajectory.ts.map((_, i) => stateAt(trajectory, i, row));
  return {
    title,
    caption,
    svg: heatmap({
      description: `${title}: u over time (to the right) and space.`,
      values: Array.from({ length: trajectory.points }, (_, k) => states.map((state) => state[k]!)),
      range,
      x: 'time',
      y: 'space',
    }),
    wide: false,
  };
}

type Observable = (equation: Equation, u: Float64Array, dx: number, start: Float64Array) => number;
const energyOf: Observable = (equation, u, dx) => equation.energy(u, dx);
const changeOfMass: Observable = (_equation, u, dx, start) =>
  dx * u.reduce((sum, v, i) => sum + (v - start[i]!), 0);

async function alongFigure(
  title: string,
  caption: string,
  { equation, data, row, learned, predictions }: Pictured,
  observable: Observable,
): Promise<Figure> {
  const along = (name: string, trajectory: Trajectories, at: number): Series => ({
    name,
    points: trajectory.ts.map(
      (t, i) =>
        [
          t,
          observable(equation, stateAt(trajectory, i, at), trajectory.dx, stateAt(trajectory, 0, at)),
        ] as const,
    ),
  });
  const series = [
    along('data', data, row),
    ...learned.flatMap(({ strategy }, i) => {
      const prediction = predictions[i];
      return prediction && ['symplectic', 'adjoint'].includes(strategy)
        ? [along(`predicted, ${strategy}`, prediction.trajectory, 0)]
        : [];
    }),
  ];
  return {
    title: `${title} along it`,
    caption,
    svg: await renderSvg(lineChart(series, { x: 'time', y: title.toLowerCase() })),
    wide: false,
  };
}

/** Geometric means of a few neighbours: batches differ. */
function smooth(losses: readonly number[]): number[] {
  const reach = Math.floor(losses.length / 40);
  return losses.map((_, i) => {
    const near = losses.slice(Math.max(0, i - reach), i + reach + 1);
    return Math.exp(near.reduce((sum, loss) => sum + Math.log(loss), 0) / near.length);
  });
}
