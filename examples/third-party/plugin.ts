import { scheduled, type ButcherTableau, type GradientStrategy, type Plugin } from '@odegrad/core';

/** Two-stage methods of order 2 with their second abscissa at 3/4. */
export const threeQuarters: ButcherTableau = {
  name: 'three_quarters',
  order: 2,
  reference: 'Butcher, Numerical Methods for ODEs (2016), family (310f)',
  a: [[], [3 / 4]],
  b: [1 / 3, 2 / 3],
  c: [0, 3 / 4],
};

/** Keeps every fourth state; the steps between two of them are made again with their stages. */
export const everyFourth: GradientStrategy = scheduled({
  name: 'every-fourth',
  retention: () => ({
    keep: (n) => (n % 4 === 0 ? 'state' : 'nothing'),
    restore: () => () => 'stages',
  }),
});

const plugin: Plugin = {
  name: 'third-party',
  tableaux: [threeQuarters],
  gradients: [everyFourth],
};
export default plugin;
