import { ArgumentError } from '../arguments/errors.ts';
import type { Retention } from './retention.ts';
import { includes, type Level, type TrajectoryView } from './trajectory.ts';
import type { StepKernel } from '../types/kernel.ts';

/** A retention schedule as core follows it. */
export interface Plan {
  keep(n: number, trajectory: TrajectoryView): Level;
  /**
   * As `Retention.restore`; of the last step 'state' is enough where the engine pulls it back from there, unless it is to be pulled
   * back by its stages.
   */
  restore(from: number, last: number, trajectory: TrajectoryView, byStages?: boolean): (n: number) => Level;
  /** Whether the same is kept of every step, known before. */
  readonly ahead: boolean;
  /** Whether every step is made again alike. */
  readonly alike: boolean;
  readonly consumes: boolean;
}

/**
 * Holds the schedule of strategy `name` to what `restore` must give, and takes from it what is of no use where an engine
 * takes whole steps.
 */
export function planOf<A>(name: string, retention: Retention, kernel: StepKernel<A> | undefined): Plan {
  const { keep, restore, consumes = false } = retention;
  const useful = (level: Level): Level => (level === 'stages' && kernel?.alive === 'step' ? 'state' : level);
  const usefulLast = (level: Level): Level =>
    kernel && (level === 'stages' || kernel.alive === 'step') ? 'state' : level;
  return {
    ahead: typeof keep === 'string',
    alike: typeof restore === 'string',
    consumes,
    keep: (n, trajectory) => useful(typeof keep === 'string' ? keep : keep.call(retention, n, trajectory)),
    restore(from, last, trajectory, byStages = false) {
      const levels =
        typeof restore === 'string' ? () => restore : restore.call(retention, from, last, trajectory);
      return (n) => {
        const level = levels(n);
        if (n < last) return useful(level);
        if (includes(level, 'stages')) return byStages ? level : usefulLast(level);
        throw new ArgumentError(
          `Gradient '${name}': restore(${from}, ${last}) gives level '${level}' for step ${last}, which is about to be ` +
            `differentiated. It needs 'stages' or 'activations'.`,
        );
      };
    },
  };
}
