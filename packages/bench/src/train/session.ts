import type { OdeOptions } from '@odegrad/engine-tfjs';
import type { EngineChoice } from '../engines.ts';
import type { Model, Problem } from '../problems/problem.ts';
import type { SeriesData } from '../problems/series.ts';
import { registry } from '../registry.ts';
import type { Streams } from '../streams.ts';
import { explainedVariance, trajectory } from './fit.ts';
import { showProgress } from './progress.ts';
import { afterTraining, train, type TrainingStep } from './train.ts';

/** What a training is to be. */
export interface Settings {
  readonly solver: string;
  readonly gradient: string;
  readonly rtol: number;
  readonly atol: number;
  readonly iterations: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** A trained model. Its variables live until `model.dispose()`. */
export interface Trained {
  readonly problem: Problem;
  readonly settings: Settings;
  readonly engine: string;
  readonly ode: OdeOptions;
  readonly model: Model;
  readonly steps: readonly TrainingStep[];
  /** The model's trajectory at the times of the observations. */
  readonly fitted: SeriesData;
  readonly explained: number;
  readonly seconds: number;
}

/** Trains a problem, showing how far it is and telling of each step. */
export async function trainWithProgress(
  problem: Problem,
  settings: Settings,
  choice: EngineChoice,
  streams: Streams,
  onStep: (step: TrainingStep) => void = () => undefined,
): Promise<Trained> {
  const progress = showProgress(streams, settings.iterations);
  try {
    return await trainProblem(problem, settings, choice, (step) => {
      progress.update(step);
      onStep(step);
    });
  } finally {
    progress.stop();
  }
}

async function trainProblem(
  problem: Problem,
  settings: Settings,
  { engine, label }: EngineChoice,
  onStep: (step: TrainingStep) => void,
): Promise<Trained> {
  const { solver, gradient, rtol, atol, iterations, learningRate, seed } = settings;
  const ode: OdeOptions = { solver, gradient, rtol, atol, engine, registry };
  const model = problem.open(seed);
  try {
    const start = performance.now();
    const steps: TrainingStep[] = [];
    for (const step of train(model, { ode, iterations, learningRate })) {
      steps.push(step);
      onStep(step);
      // A turn for the event loop: work is synchronous, and streams want to be written.
      await new Promise(setImmediate);
    }
    const fitted = afterTraining(iterations, () => trajectory(model, model.observed.times, ode));
    return {
      problem,
      settings,
      engine: label,
      ode,
      model,
      steps,
      fitted,
      explained: explainedVariance(model.observed, fitted),
      seconds: (performance.now() - start) / 1000,
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}
