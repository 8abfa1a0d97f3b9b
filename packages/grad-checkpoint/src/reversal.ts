import { checkOptions, countOf, type Retention, type Rule } from '@odegrad/core';
import { replan } from './revolve.ts';

/** How many states a strategy may hold. */
export interface CheckpointOptions {
  /** States held at a time, the initial one included. */
  readonly checkpoints?: number;
}

const RULES: Readonly<Record<keyof CheckpointOptions, Rule>> = {
  checkpoints: countOf('the number of states held, the initial one included'),
};

/**
 * The slots that the user asked for, in the options of strategy `name`.
 *
 * @throws {ArgumentError} for unknown options, and unless `checkpoints` is a positive integer.
 */
export function checkedSlots(name: string, options: CheckpointOptions): number | undefined {
  checkOptions(name, options, RULES);
  return options.checkpoints;
}

/**
 * Reverses what the forward pass left with c slots: steps in between are advanced again, leaving their states in
 * the slots that are free by then, and the last is pulled back one stage at a time, or as `level` says.
 */
export function reversing(
  c: number,
  level: (last: number) => 'stages' | 'activations' = () => 'stages',
): Pick<Retention, 'restore' | 'consumes'> {
  return {
    restore(from, last, { keptStates }) {
      const kept = new Set(replan(from, last, c - keptStates));
      return (n) => (n === last ? level(last) : kept.has(n) ? 'state' : 'nothing');
    },
    consumes: true,
  };
}
