import * as tf from '@tensorflow/tfjs';
import type { OdeOptions } from '@odegrad/engine-tfjs';
import { openEngine } from '../../engines.ts';
import { bytes } from '../../gradients/table.ts';
import { createRandom } from '../../random.ts';
import { registry } from '../../registry.ts';
import { stageByStage } from '../../train/stage-by-stage.ts';
import { costs } from '../cost.ts';
import {
  METHODS,
  PAPER_NAMES,
  type Experiment,
  type Outcome,
  type Setting,
  type Table,
} from '../experiment.ts';
import { flowClaims, type FlowCost } from './claims.ts';
import { checkerboard, cornerMixture, eightGaussians, moons, type Distribution } from './distributions.ts';
import {
  batchOf,
  fitFlow,
  negativeLogLikelihood,
  openFlow,
  type FittedFlow,
  type FlowTraining,
  type Sampled,
} from './fit.ts';
import { drawFlow, flowFigures } from './pictures.ts';
import { residentFlow } from './resident-flow.ts';
import { readTable } from './table-data.ts';

/** What is learned, and how long. */
export interface FlowSizes {
  readonly distributions: readonly Distribution[];
  readonly plane: FlowTraining;
  /** For more than two dimensions. */
  readonly space: FlowTraining;
  readonly held: number;
  readonly tolerance: number;
  /** Flows in a row, each gradient in a process of its own; none where processes are left out. */
  readonly processes: number;
}

const centers = createRandom(7);
const QUICK: FlowSizes = {
  distributions: [eightGaussians, moons, checkerboard, cornerMixture(6, centers)],
  plane: {
    components: 1,
    hidden: [32, 32],
    activation: 'tanh',
    batch: 128,
    iterations: 120,
    learningRate: 0.05,
  },
  space: {
    components: 2,
    hidden: [32],
    activation: 'softplus',
    batch: 128,
    iterations: 100,
    learningRate: 0.02,
  },
  held: 1000,
  tolerance: 1e-3,
  processes: 0,
};
const FULL: FlowSizes = {
  distributions: [
    eightGaussians,
    moons,
    checkerboard,
    ...[6, 8, 21, 43].map((dimension) => cornerMixture(dimension, centers)),
  ],
  plane: {
    components: 1,
    hidden: [64, 64],
    activation: 'tanh',
    batch: 256,
    iterations: 1500,
    learningRate: 0.02,
  },
  space: {
    components: 2,
    hidden: [128],
    activation: 'softplus',
    batch: 256,
    iterations: 600,
    learningRate: 0.01,
  },
  held: 5000,
  tolerance: 1e-4,
  processes: 2,
};

/** Continuous normalizing flows. */
export const cnf: Experiment = {
  name: 'cnf',
  summary: 'continuous normalizing flows on distributions whose entropy is known, or on a table',
  takesData: true,
  run: (setting) => learnFlows(setting, setting.full ? FULL : QUICK),
};

/** The same in given sizes. */
export async function learnFlows({ engine, data, note }: Setting, sizes: FlowSizes): Promise<Outcome> {
  const samples =
    data === undefined ? sizes.distributions.map((d) => sampledOf(d, sizes.held)) : [await tableOf(data)];
  const choice = await openEngine(engine, registry);
  const { tolerance, plane, space } = sizes;
  const ode: OdeOptions = {
    registry,
    engine: choice.engine,
    solver: 'dopri5',
    rtol: tolerance,
    atol: tolerance,
  };
  const trainingOf = ({ dimension }: Sampled): FlowTraining => (dimension > 2 ? space : plane);
  const fitted = samples.map((sampled) => {
    note(`${sampled.name} …`);
    return fitFlow(sampled, trainingOf(sampled), { ...ode, gradient: 'symplectic' });
  });
  note('pictures …');
  const drawn = fitted.map((flow) => drawFlow(flow, ode));
  note('one gradient by each strategy, by turns …');
  const last = fitted.at(-1)!;
  const x = last.sampled.batch(trainingOf(last.sampled).batch);
  const flow = openFlow(last.sampled.dimension, { ...trainingOf(last.sampled), components: 3 });
  const taken = costs(
    (options) => negativeLogLikelihood(flow, x, options),
    METHODS,
    ode,
    await stageByStage(choice),
  );
  tf.dispose([x, ...flow.variables, ...fitted.flatMap((fit) => fit.flow.variables)]);
  const grown = sizes.processes > 0 ? await residentFlow(sizes.processes, engine, METHODS, note) : undefined;
  const byStrategy = METHODS.map((strategy, i): FlowCost => ({
    strategy,
    ...taken[i]!,
    ...(grown && { grownBytes: grown[i]! }),
  }));
  return {
    name: cnf.name,
    title: 'Continuous normalizing flows',
    description:
      `Flows of concat-squash layers, trained by maximum likelihood with the symplectic adjoint method, dopri5 at tolerance ${tolerance}, float32 on ${engine}. ` +
      `In the plane the trace is exact, beyond three dimensions Hutchinson’s. Where p is known, its mean −log p on the same points is the entropy that no model can beat.`,
    tables: [fitTable(fitted), costTable(byStrategy, last.sampled.name)],
    claims: flowClaims(fitted, byStrategy),
    records: [
      ...fitted.map(({ sampled, losses, held, gaussian }) => ({
        kind: 'flow',
        data: sampled.name,
        dimension: sampled.dimension,
        held: held + sampled.logScale,
        gaussian: gaussian + sampled.logScale,
        ...(sampled.entropy === undefined ? {} : { entropy: sampled.entropy }),
        losses,
      })),
      ...byStrategy.map((row) => ({ kind: 'gradient', ...row })),
    ],
    figures: async () => (await Promise.all(drawn.map(flowFigures))).flat(),
  };
}

function sampledOf({ name, dimension, draw, logDensity }: Distribution, count: number): Sampled {
  const [random, apart] = [createRandom(1), createRandom(2)];
  const held = Array.from({ length: count }, () => draw(apart));
  return {
    name,
    dimension,
    held,
    logScale: 0,
    batch: (size) => tf.tensor2d(Array.from({ length: size }, () => draw(random))),
    ...(logDensity && { entropy: -held.reduce((sum, x) => sum + logDensity(x), 0) / count }),
  };
}

/** Nine tenths of a table's rows, drawn by chance, and the rest. */
async function tableOf(path: string): Promise<Sampled> {
  const { rows, logScale } = await readTable(path);
  const random = createRandom(3);
  const order = rows.map((row) => ({ row, at: random.symmetric(1) })).sort((a, b) => a.at - b.at);
  const cut = Math.ceil(rows.length / 10);
  const learned = order.slice(cut).map(({ row }) => row);
  return {
    name: 'the table',
    dimension: rows[0]!.length,
    held: order.slice(0, cut).map(({ row }) => row),
    logScale,
    batch: (count) => batchOf(learned, random, count),
  };
}

function fitTable(fitted: readonly FittedFlow[]): Table {
  return {
    title: 'Likelihoods',
    note: 'Mean of −log p of points that were held back, in nats: of the flow, of one Gaussian with their means and deviations, and the entropy.',
    head: ['data', 'dimension', 'flow', 'one Gaussian', 'entropy'],
    rows: fitted.map(({ sampled, held, gaussian }) => [
      sampled.name,
      String(sampled.dimension),
      (held + sampled.logScale).toFixed(3),
      (gaussian + sampled.logScale).toFixed(3),
      sampled.entropy === undefined ? 'unknown' : sampled.entropy.toFixed(3),
    ]),
  };
}

function costTable(rows: readonly FlowCost[], name: string): Table {
  return {
    title: 'One gradient by each strategy',
    note: `A flow of three components on ${name}, timed by turns; memory as the ledger counts it, every stage evaluated by itself, and where processes were started, what they took beyond one that only solves forward (workload cnf).`,
    head: ['strategy', 'a gradient', 'evaluations', 'ledger', 'process'],
    rows: rows.map((row) => [
      `${row.strategy} (${PAPER_NAMES[row.strategy]!})`,
      `${row.ms.toFixed(1)} ms`,
      row.evaluations.toLocaleString('en'),
      bytes(row.bytesPeak),
      row.grownBytes === undefined ? '–' : bytes(Math.max(0, row.grownBytes)),
    ]),
  };
}
