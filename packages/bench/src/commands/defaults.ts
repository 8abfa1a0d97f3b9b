/** The strategies that a comparison is made of, where nothing else is said. */
export const STRATEGIES: readonly string[] = [
  'backprop',
  'recompute',
  'checkpoint',
  'stages',
  'symplectic',
  'adjoint',
];

/** The engine of `train` and `demo`, where nothing else is said. */
export const DEFAULT_ENGINE = 'tfjs:cpu';
