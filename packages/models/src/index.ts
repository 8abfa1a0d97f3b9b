export { augmented, type Augmented, type AugmentedOptions } from './augmented.ts';
export { cnf, type Cnf, type CnfOptions } from './cnf.ts';
export { concatSquash, type LayerOptions, type TimeNetwork } from './concat-squash.ts';
export { energyDensity, type EnergyWeights } from './energy-network.ts';
export {
  logDensity,
  sample,
  stack,
  type CnfSlope,
  type CnfState,
  type Flow,
  type FlowOptions,
} from './flow.ts';
export {
  hamiltonianField,
  hamiltonianPde,
  type HamiltonianPde,
  type HamiltonianPdeOptions,
  type Observed,
} from './hamiltonian-pde.ts';
export { latentOde, type LatentOde, type LatentOdeOptions, type Posterior } from './latent-ode.ts';
export { centralDifference, secondDifference, type Structure } from './periodic.ts';
export { exactField, hutchinsonField, type RowField } from './trace.ts';
