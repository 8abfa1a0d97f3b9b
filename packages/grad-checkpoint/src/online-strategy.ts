import { scheduled, type GradientStrategy, type Retention } from '@odegrad/core';
import { createOnline } from './online.ts';
import { checkedSlots, reversing, type CheckpointOptions } from './reversal.ts';

/** States held by default: no step is advanced more than four times in 10,000. */
export const ONLINE_CHECKPOINTS = 20;

/** Keeps c states besides the one at hand, whenever the solve may end. */
export function onlineRetention(c: number): Retention {
  const schedule = createOnline(c);
  return {
    keep(n, trajectory) {
      const lost = schedule.accept(n);
      if (lost !== undefined) trajectory.demote(lost, 'nothing');
      return 'state';
    },
    ...reversing(c),
  };
}

/**
 * Online checkpointing, for solves whose number of steps is unknown until they end: never more than c states are
 * kept, the forward pass and the state at hand included, and no step is advanced more often than a schedule
 * that knows the number of steps has to with c − 1 slots. 20 states by default. One state is y0 alone, and
 * the backward pass then holds two.
 *
 * Sources: P. Stumm, A. Walther, New algorithms for optimal online checkpointing, SIAM J. Sci. Comput. 32(2), 2010;
 * Q. Wang, P. Moin, G. Iaccarino, Minimal repetition dynamic checkpointing algorithm for unsteady adjoint
 * calculation, SIAM J. Sci. Comput. 31(4), 2009.
 *
 * @throws {ArgumentError} for unknown options, and unless `checkpoints` is a positive integer.
 */
export function online(options: CheckpointOptions = {}): GradientStrategy {
  const states = checkedSlots('online', options) ?? ONLINE_CHECKPOINTS;
  return scheduled({
    name: 'online',
    retention: () =>
      states > 1
        ? onlineRetention(states - 1)
        : { keep: (n) => (n === 0 ? 'state' : 'nothing'), ...reversing(1) },
  });
}
