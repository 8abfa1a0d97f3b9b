import * as tf from '@tensorflow/tfjs';
import { openEngine } from '../../engines.ts';
import { bytes } from '../../gradients/table.ts';
import { createRandom } from '../../random.ts';
import { registry } from '../../registry.ts';
import { stageByStage } from '../../train/stage-by-stage.ts';
import { costs, type Cost } from '../cost.ts';
import { PAPER_NAMES, type Experiment, type Outcome, type Setting, type Table } from '../experiment.ts';
import { lastLoss, lossText, structureClaims, trainingClaims } from './claims.ts';
import { makeData } from './data.ts';
import { cahnHilliardEquation, kdvEquation, type Equation } from './equation.ts';
import { learn, pairsOf, relativeLoss, type Learned, type Training } from './learn.ts';
import { pictures } from './pictures.ts';
import { predict, type Prediction } from './predict.ts';

/** How large the data are and how long is trained. */
export interface PdeSizes {
  readonly points: number;
  readonly rows: number;
  /** Output times of a trajectory in the data; the training goes from each to the next. */
  readonly outputs: number;
  readonly strategies: readonly string[];
  readonly training: Omit<Training, 'ode'>;
  readonly tolerance: number;
}

const QUICK: Readonly<Record<Equation['name'], PdeSizes>> = {
  kdv: {
    points: 40,
    rows: 8,
    outputs: 11,
    strategies: ['backprop', 'checkpoint', 'symplectic', 'adjoint'],
    training: { hidden: 32, batch: 8, iterations: 150, learningRate: 0.02 },
    tolerance: 1e-4,
  },
  'cahn-hilliard': {
    points: 24,
    rows: 12,
    outputs: 6,
    strategies: ['backprop', 'checkpoint', 'symplectic', 'adjoint'],
    training: { hidden: 24, batch: 8, iterations: 80, learningRate: 0.02 },
    tolerance: 1e-4,
  },
};

const ALL = ['backprop', 'recompute', 'checkpoint', 'symplectic', 'adjoint'];
const FULL: Readonly<Record<Equation['name'], PdeSizes>> = {
  kdv: {
    points: 50,
    rows: 50,
    outputs: 11,
    strategies: ALL,
    training: { hidden: 100, batch: 32, iterations: 1500, learningRate: 3e-3 },
    tolerance: 1e-5,
  },
  'cahn-hilliard': {
    points: 32,
    rows: 50,
    outputs: 6,
    strategies: ALL,
    training: { hidden: 64, batch: 32, iterations: 600, learningRate: 3e-3 },
    tolerance: 1e-5,
  },
};

/** Rows of the data that no training sees. */
const TEST_SEED = 99;

function experiment(equation: Equation): Experiment {
  return {
    name: equation.name,
    summary: `the ${equation.title} equation, its energy learned from data`,
    run: (setting) => learnEquation(equation, setting, (setting.full ? FULL : QUICK)[equation.name]),
  };
}

export const kdv: Experiment = experiment(kdvEquation);
export const cahnHilliard: Experiment = experiment(cahnHilliardEquation);

/** Learns the energy of an equation by several strategies and follows the learned models. */
export async function learnEquation(
  equation: Equation,
  { engine, note }: Setting,
  { points, rows, outputs, strategies, training, tolerance }: PdeSizes,
): Promise<Outcome> {
  note('data in doubles …');
  const data = makeData(equation, { rows, points, outputs }, 1);
  const test = makeData(equation, { rows: 2, points, outputs: Math.max(outputs, 51) }, TEST_SEED);
  const held = makeData(equation, { rows: 2, points, outputs }, TEST_SEED);
  const choice = await openEngine(engine, registry);
  const ode = {
    registry,
    engine: choice.engine,
    solver: 'dopri5',
    rtol: tolerance,
    atol: tolerance,
    maxSteps: 5000,
  };
  const learned = strategies.map((strategy) => {
    note(`training by ${strategy} …`);
    return learn(equation, data, strategy, { ...training, ode });
  });
  const pairs = pairsOf(held);
  note('one gradient by each, by turns …');
  const symplectic = learned[strategies.indexOf('symplectic')]!.model;
  const batch = pairsOf(data, { count: training.batch, below: createRandom(3).below });
  const taken = costs(
    (options) => relativeLoss(symplectic, batch, options),
    strategies,
    ode,
    await stageByStage(choice),
  );
  const testLosses = learned.map(({ model }) => testLoss(() => relativeLoss(model, pairs, ode)));
  tf.dispose([pairs.from, pairs.to, batch.from, batch.to]);
  note('following the learned models …');
  const predictions = learned.map(({ model }) => predict(model, test, 0));
  for (const { model } of learned) tf.dispose([...model.variables]);
  const own = predictions[strategies.indexOf('symplectic')];
  return {
    name: equation.name,
    title: `${equation.title}: an energy learned from data`,
    description:
      `${equation.formula} on ${points} periodic points, solved in doubles by dopri8, gives ${rows} trajectories of ${outputs} times. A network of ` +
      `convolutions (3, 1, 1; ${training.hidden} channels) learns the energy from neighbouring states, ${training.iterations} iterations of Adam, dopri5 at ` +
      `tolerance ${tolerance}, float32 on ${engine}; each strategy from the same weights, on the same batches.`,
    tables: [trainingTable(learned, taken, testLosses, predictions)],
    claims: [...trainingClaims(learned, taken), ...structureClaims(equation, own)],
    records: learned.map(({ model: _model, losses, evaluations, ...rest }, i) => ({
      kind: 'training',
      ...rest,
      evaluationsTraining: evaluations,
      ...taken[i],
      loss: lastLoss(learned[i]!),
      testLoss: testLosses[i],
      losses,
      predictionError: predictions[i]?.error.at(-1),
      energy: predictions[i] && [...predictions[i].energy],
      mass: predictions[i] && [...predictions[i].mass],
    })),
    figures: () => pictures({ equation, data: test, row: 0, learned, predictions }),
  };
}

/** No number where the model blows up within an interval. */
function testLoss(loss: () => tf.Scalar): number {
  try {
    return tf.tidy(() => loss().dataSync()[0]!);
  } catch {
    return Infinity;
  }
}

function trainingTable(
  learned: readonly Learned[],
  taken: readonly Cost[],
  testLosses: readonly number[],
  predictions: readonly (Prediction | undefined)[],
): Table {
  return {
    title: 'The strategies side by side',
    note: 'Losses are squared errors of one interval over that of predicting no change; the prediction’s, the mean squared error at the end of an unseen trajectory. Evaluations: of the whole training. Then one gradient of the model that symplectic trained, timed by turns; memory as the ledger counts it, every stage evaluated by itself.',
    head: ['strategy', 'loss', 'unseen', 'prediction', 'evaluations', 'a gradient', 'memory'],
    rows: learned.map((row, i) => [
      `${row.strategy} (${PAPER_NAMES[row.strategy]!})`,
      lossText(lastLoss(row)),
      lossText(testLosses[i]!),
      lossText(predictions[i]?.error.at(-1) ?? Infinity),
      row.evaluations.toLocaleString('en'),
      `${taken[i]!.ms.toFixed(1)} ms`,
      bytes(taken[i]!.bytesPeak),
    ]),
  };
}
