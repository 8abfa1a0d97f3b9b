import type { ButcherTableau } from '@odegrad/core';

/** Kutta's 3/8 rule: four stages, order 4, smaller error constants than the classic method. */
export const rk38: ButcherTableau = {
  name: 'rk38',
  order: 4,
  reference: 'Kutta, Z. Math. Phys. 46 (1901) 435–453; Hairer, Nørsett & Wanner I (1993), §II.1, Table 1.2',
  a: [[], [1 / 3], [-1 / 3, 1], [1, -1, 1]],
  b: [1 / 8, 3 / 8, 3 / 8, 1 / 8],
  c: [0, 1 / 3, 2 / 3, 1],
};
