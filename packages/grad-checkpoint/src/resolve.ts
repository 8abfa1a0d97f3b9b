import { scheduled, type GradientStrategy } from '@odegrad/core';

/**
 * Only the initial state is kept; the backward pass solves again, keeping every accepted state, and pulls back
 * one stage at a time. Of M solves that follow one another, each of N steps, M + N + O(s) states are alive instead
 * of M·N, with the activations of one evaluation.
 */
export const resolve: GradientStrategy = scheduled({
  name: 'resolve',
  keep: (n) => (n === 0 ? 'state' : 'nothing'),
  restore: (_, last) => (n) => (n === last ? 'stages' : 'state'),
});
