import { openBar } from '../bar.ts';
import { remark, type Streams } from '../streams.ts';
import type { TrainingStep } from './train.ts';

/** Shows how far a training is. */
export interface Progress {
  update(step: TrainingStep): void;
  stop(): void;
}

const LINES = 10;

/** A bar where `err` is a terminal, else a line for every tenth of the way. */
export function showProgress({ err }: Streams, iterations: number): Progress {
  const start = performance.now();
  let evaluations = 0;
  const figures = ({
    iteration,
    loss,
    stats,
  }: TrainingStep): Record<'loss' | 'rate' | 'evaluations', string> => {
    evaluations += stats.evaluationsForward + stats.evaluationsBackward;
    const seconds = (performance.now() - start) / 1000;
    return {
      loss: loss.toFixed(4),
      rate: (iteration / seconds).toFixed(1),
      evaluations: evaluations.toLocaleString('en'),
    };
  };
  if (!err.isTTY) {
    return {
      update(step) {
        const { loss, rate, evaluations: count } = figures(step);
        const { iteration } = step;
        const tenth = (i: number): number => Math.floor((i * LINES) / iterations);
        if (iteration > 1 && tenth(iteration) === tenth(iteration - 1)) return;
        remark(
          err,
          `iteration ${iteration}/${iterations}  loss ${loss}  ${rate} steps/s  ${count} evaluations`,
        );
      },
      stop: () => undefined,
    };
  }
  const bar = openBar(
    err,
    '{bar} {value}/{total}  loss {loss}  {rate} steps/s  {evaluations} evaluations',
    iterations,
    { loss: '–', rate: '–', evaluations: 0 },
  );
  return {
    update(step) {
      bar.update(step.iteration, figures(step));
    },
    stop() {
      bar.stop();
    },
  };
}
