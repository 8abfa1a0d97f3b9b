import { scheduled, type GradientStrategy } from '@odegrad/core';

/**
 * The symplectic adjoint method: every accepted state is kept; in the backward pass the stage states of one
 * step are made again without activations, then each stage is evaluated and pulled back by itself. Exact, with
 * the activations of one evaluation alive at a time whatever the number of steps and stages, for 2s − 1 more
 * evaluations a step.
 *
 * Source: T. Matsubara, Y. Miyatake, T. Yaguchi, Symplectic Adjoint Method for Exact Gradient of Neural ODE
 * with Minimal Memory, NeurIPS 34 (2021), arXiv 2102.09750.
 */
export const symplectic: GradientStrategy = scheduled({
  name: 'symplectic',
  keep: 'state',
  restore: 'stages',
});
