/** The strategies that a comparison is made of, where nothing else is said. */
export const STRATEGIES: readonly string[] = [
  'backprop',
  'recompute',
  'checkpoint',
  'stages',
  'symplectic',
  'adjoint',
];

/** What the trade-off between time and memory is drawn for. */
export const EXACT: readonly string[] = [
  'backprop',
  'recompute',
  'checkpoint',
  'stages',
  'symplectic',
  'resolve',
  'binomial',
  'online',
];

/** The engine where nothing else is said. */
export const DEFAULT_ENGINE = 'auto';
