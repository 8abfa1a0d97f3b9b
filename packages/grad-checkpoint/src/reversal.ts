import { ArgumentError, type Retention } from '@odegrad/core';
import { replan } from './revolve.ts';

/** How many states a strategy may hold. */
export interface CheckpointOptions {
  /** States held at a time, the initial one included. */
  readonly checkpoints?: number;
}

/** The slots that the user asked for. */
export function checkedSlots({ checkpoints }: CheckpointOptions): number | undefined {
  if (checkpoints !== undefined && !(Number.isInteger(checkpoints) && checkpoints >= 1)) {
    throw new ArgumentError(
      `\`checkpoints\` is the number of states held, the initial one included: a positive integer, not ${checkpoints}.`,
    );
  }
  return checkpoints;
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
