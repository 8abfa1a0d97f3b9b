import { scheduled, type GradientStrategy } from '@odegrad/core';

/**
 * Every stage state is kept, without activations; the backward pass evaluates and pulls back one stage at a
 * time. The activations of one evaluation, as with the symplectic adjoint method, and one evaluation for each
 * stage instead of two, for s states a step instead of one. An engine that pulls whole steps back for as many evaluations
 * needs only the states of the steps; then no others are kept.
 *
 * Source: H. Zhang, W. Zhao, A memory-efficient neural ODE framework based on high-level adjoint
 * differentiation, IEEE TAI 2022, arXiv 2206.01298 (trajectories with stages).
 */
export const stages: GradientStrategy = scheduled({
  name: 'stages',
  keep: 'stages',
  restore: 'stages',
});
