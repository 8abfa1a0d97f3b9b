import { scheduled, type GradientStrategy } from '@odegrad/core';

/**
 * Only the initial state is kept; the backward pass takes all accepted steps again with every activation. What
 * it saves is the other components' activations where several solves follow one another.
 */
export const recompute: GradientStrategy = scheduled({
  name: 'recompute',
  keep: (n) => (n === 0 ? 'state' : 'nothing'),
  restore: 'activations',
});
