import type { ButcherTableau } from '@odegrad/core';

/** The explicit midpoint method: two stages, order 2; the slope in the middle of the step decides alone. */
export const midpoint: ButcherTableau = {
  name: 'midpoint',
  order: 2,
  reference: 'Runge, Math. Ann. 46 (1895) 167–178; Hairer, Nørsett & Wanner I (1993), §II.1',
  a: [[], [1 / 2]],
  b: [0, 1],
  c: [0, 1 / 2],
};
