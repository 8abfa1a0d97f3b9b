import * as tf from '@tensorflow/tfjs';
import { openEngine } from '../../engines.ts';
import { registry } from '../../registry.ts';
import { stageByStage } from '../../train/stage-by-stage.ts';
import { lineChart } from '../../report/line-chart.ts';
import { renderSvg } from '../../report/svg.ts';
import {
  METHODS,
  type Claim,
  type Experiment,
  type Figure,
  type Outcome,
  type Setting,
  type Table,
} from '../experiment.ts';
import type { Training } from '../pde/learn.ts';
import { gradientErrors, type GradientError } from './gradient-error.ts';
import { benign, stiff, trainedCahnHilliard, type StudiedProblem } from './problem.ts';

/** How much is looked at. */
export interface RobustnessSizes {
  readonly rows: number;
  readonly points: number;
  readonly tolerances: readonly number[];
  readonly training: Omit<Training, 'ode'>;
}

const QUICK: RobustnessSizes = {
  rows: 4,
  points: 24,
  tolerances: [1e-2, 1e-3, 1e-4, 1e-5, 1e-6],
  training: { hidden: 24, batch: 8, iterations: 60, learningRate: 0.02 },
};
const FULL: RobustnessSizes = {
  rows: 16,
  points: 32,
  tolerances: [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6],
  training: { hidden: 64, batch: 16, iterations: 400, learningRate: 0.01 },
};

/** How exact gradients in float32 are, by strategy and tolerance. */
export const robustness: Experiment = {
  name: 'robustness',
  summary: 'gradient error against tolerance in float32, by strategy',
  run: (setting) => measureRobustness(setting, setting.full ? FULL : QUICK),
};

/** The same in given sizes. */
export async function measureRobustness(
  { engine, note }: Setting,
  { rows, points, tolerances, training }: RobustnessSizes,
): Promise<Outcome> {
  const choice = await openEngine(engine, registry);
  note('training a Cahn–Hilliard model …');
  const problems: StudiedProblem[] = [
    benign(rows),
    stiff(rows),
    trainedCahnHilliard(rows, points, training, choice.engine),
  ];
  const staged = await stageByStage(choice);
  const errors = problems.flatMap((problem) => {
    note(`${problem.title} …`);
    return gradientErrors(problem, METHODS, tolerances, staged);
  });
  for (const { variables } of problems) tf.dispose([...variables]);
  return {
    name: robustness.name,
    title: 'Rounding and tolerance in the gradient',
    description:
      `The gradient of the sum of squares at the end, by dopri5 in float32 on ${engine}, stage by stage, at several tolerances (absolute and relative alike), beside two ` +
      'gradients in float64: that of the same steps (discrete), and that of the equation, by dopri8 at 1e-12 (continuous). Relative errors in the 2-norm.',
    tables: problems.map((problem) => tableOf(problem, errors)),
    claims: claimsOf(errors),
    records: errors.map((row) => ({ kind: 'error', ...row })),
    figures: () => Promise.all(problems.flatMap((problem) => figuresOf(problem, errors))),
  };
}

const of = (errors: readonly GradientError[], problem: string, strategy: string): GradientError[] =>
  errors.filter((row) => row.problem === problem && row.strategy === strategy);

function tableOf({ name, title }: StudiedProblem, errors: readonly GradientError[]): Table {
  const tolerances = of(errors, name, METHODS[0]!);
  const cell = (x: number): string => (Number.isFinite(x) ? x.toExponential(1) : 'no solution');
  return {
    title: `Errors on ${title}`,
    note: 'From the discrete gradient / from the continuous one.',
    head: ['tolerance', 'steps', ...METHODS],
    rows: tolerances.map(({ tolerance, steps }, i) => [
      tolerance.toExponential(0),
      String(steps),
      ...METHODS.map((strategy) => {
        const row = of(errors, name, strategy)[i]!;
        return `${cell(row.discrete)} / ${cell(row.continuous)}`;
      }),
    ]),
  };
}

function figuresOf({ name, title }: StudiedProblem, errors: readonly GradientError[]): Promise<Figure>[] {
  return (['discrete', 'continuous'] as const).map(async (reference) => ({
    title: `From the ${reference} gradient`,
    caption: `Relative error on ${title}, against tolerance. Exact strategies lie on one another; where a line is missing, its solve could not go on.`,
    svg: await renderSvg(
      lineChart(
        METHODS.map((strategy) => ({
          name: strategy,
          points: of(errors, name, strategy).map((row) => [row.tolerance, row[reference]] as const),
        })),
        { x: 'tolerance', y: 'relative error', xScale: 'log', yScale: 'log', points: true },
      ),
    ),
    wide: false,
  }));
}

/** Float32 resolves 6e-8, and sums of many terms lose a little. */
const ROUNDING = 2e-6;

/** The claims, and what was found of each. */
function claimsOf(errors: readonly GradientError[]): Claim[] {
  // Of the points at which a solve in float32 could go on.
  const points = METHODS.map((strategy) =>
    errors.filter((row) => row.strategy === strategy && row.steps > 0),
  );
  const found = (strategy: string): number[] => points[METHODS.indexOf(strategy)]!.map((row) => row.discrete);
  const range = (values: readonly number[]): string =>
    `${Math.min(...values).toExponential(1)} to ${Math.max(...values).toExponential(1)}`;
  const [own, adjoint, backprop] = [found('symplectic'), found('adjoint'), found('backprop')];
  const worse = own.map((error, i) => (error < ROUNDING ? 0 : error / backprop[i]!));
  const failures = adjoint.filter((error) => !Number.isFinite(error)).length;
  const others = METHODS.filter((name) => name !== 'adjoint' && name !== 'symplectic').map(found);
  const lead = own.map((error, i) => Math.min(...others.map((list) => list[i]!)) / error);
  return [
    {
      claim: 'The symplectic adjoint method gives the exact gradient up to rounding (abstract)',
      verdict: Math.max(...worse) < 3 ? 'shown' : 'not shown',
      evidence:
        `its errors from the discrete gradient: ${range(own)}, those of backpropagation: ${range(backprop)}; shown if below ` +
        `${ROUNDING.toExponential(0)} or three times those of backpropagation, which differentiates the solve in float32 itself`,
    },
    {
      claim: 'The adjoint method does not give the exact gradient (table of methods)',
      verdict: adjoint.some((error, i) => !(error < 100 * own[i]!)) ? 'shown' : 'not shown',
      evidence: `its errors from the discrete gradient: ${range(adjoint.filter(Number.isFinite))}; ${failures} of ${adjoint.length} backward solves could not go on`,
    },
    {
      claim:
        'The symplectic adjoint method is more robust to rounding errors (abstract) than backpropagation and checkpointing',
      verdict: Math.min(...lead) > 1.5 ? 'shown' : 'not shown',
      evidence: `the least error of the others over its own: ${Math.min(...lead).toFixed(2)} to ${Math.max(...lead).toFixed(2)}; shown if 1.5 at least everywhere`,
    },
    {
      claim: 'It is more robust than the adjoint method',
      verdict: own.every((error, i) => !(adjoint[i]! < error / 1.5)) ? 'shown' : 'not shown',
      evidence: `the adjoint’s error over its own: ${range(adjoint.map((error, i) => error / own[i]!).filter(Number.isFinite))}`,
    },
  ];
}
