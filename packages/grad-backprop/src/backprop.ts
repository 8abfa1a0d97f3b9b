import { scheduled, type GradientStrategy } from '@odegrad/core';

/**
 * Plain reverse-mode differentiation of the solve: the activations of every stage of every step are kept,
 * nothing is evaluated again. The fastest exact gradient, and the one that takes the most memory: N·s
 * evaluations' worth of activations.
 */
export const backprop: GradientStrategy = scheduled({
  name: 'backprop',
  keep: 'activations',
  restore: 'activations',
});
