import { scheduled, type GradientStrategy } from '@odegrad/core';

/**
 * Every accepted state is kept; in the backward pass a step is taken again with the activations of all its
 * stages. Exact, with s evaluations' activations alive at a time, for s more evaluations a step.
 *
 * Source: J. Zhuang et al., Adaptive Checkpoint Adjoint Method for Gradient Estimation in Neural ODE, ICML 2020.
 */
export const checkpoint: GradientStrategy = scheduled({
  name: 'checkpoint',
  keep: 'state',
  restore: 'activations',
});
