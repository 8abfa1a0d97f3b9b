import { counted } from '../counted.ts';
import { quality } from './fit.ts';
import type { Trained } from './session.ts';
import type { TrainingStep } from './train.ts';

/** What `--json` prints for one iteration. */
export function iterationRecord({ iteration, loss, ms, stats }: TrainingStep): object {
  const { accepted, rejected, evaluationsForward, evaluationsBackward, pullbacks } = stats;
  return {
    type: 'iteration',
    iteration,
    loss,
    steps: accepted,
    rejected,
    evaluationsForward,
    evaluationsBackward,
    pullbacks,
    ms,
  };
}

/** What `--json` prints at the end. */
export function resultRecord({ problem, settings, engine, steps, explained, seconds }: Trained): object {
  return {
    type: 'result',
    problem: problem.name,
    ...settings,
    engine,
    loss: steps.at(-1)!.loss,
    explainedVariance: explained,
    seconds,
  };
}

/** The same in a sentence. */
export function summary({ problem, settings, engine, steps, explained, seconds }: Trained): string {
  const { figure, worse } = quality(explained);
  const fit = worse
    ? `worse than predicting the mean (${figure} its squared error)`
    : `${figure} of the variance explained`;
  return (
    `${problem.title}: ${fit} after ${counted(steps.length, 'iteration')} ` +
    `in ${seconds.toFixed(1)} s, loss ${steps.at(-1)!.loss.toPrecision(3)} ` +
    `(${settings.solver}, ${settings.gradient}, ${engine}, seed ${settings.seed}).`
  );
}
