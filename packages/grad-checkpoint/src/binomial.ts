import { scheduled, type GradientStrategy } from '@odegrad/core';
import { onlineRetention, ONLINE_CHECKPOINTS } from './online-strategy.ts';
import { checkedSlots, reversing, type CheckpointOptions } from './reversal.ts';
import { placements, repetitions } from './revolve.ts';

/**
 * Binomial checkpointing: c states are kept besides the one at hand, placed so that the backward pass advances as
 * few steps again as any schedule can; each step is then pulled back one stage at a time. Exact, with the
 * activations of one evaluation and c + s states alive, whatever the number of steps.
 *
 * The best places depend on the number of steps. Where that is unknown, with adaptive steps or events, states are placed
 * as by `online` and reversed in the same way. Without `checkpoints` the fewest are taken with which no step is
 * advanced more than twice, about √(2N); 20 where N is unknown.
 *
 * Source: A. Griewank, A. Walther, Algorithm 799: revolve, ACM TOMS 26(1), 2000.
 *
 * @throws {ArgumentError} for unknown options, and unless `checkpoints` is a positive integer.
 */
export function binomial(options: CheckpointOptions = {}): GradientStrategy {
  const slots = checkedSlots('binomial', options);
  return scheduled({
    name: 'binomial',
    retention({ steps }) {
      if (steps === undefined) return onlineRetention(slots ?? ONLINE_CHECKPOINTS);
      const c = slots ?? slotsForTwoRepetitions(steps);
      const kept = new Set(placements(steps, c)).add(steps - 1);
      return { keep: (n) => (kept.has(n) ? 'state' : 'nothing'), ...reversing(c) };
    },
  });
}

function slotsForTwoRepetitions(steps: number): number {
  let c = 1;
  while (repetitions(steps, c) > 2) c += 1;
  return c;
}
