import type { ButcherTableau } from '@odegrad/core';

/** Heun's method of order 3, with three stages. */
export const heun3: ButcherTableau = {
  name: 'heun3',
  order: 3,
  reference: 'Heun, Z. Math. Phys. 45 (1900) 23–38; Hairer, Nørsett & Wanner I (1993), §II.1, Table 1.1',
  a: [[], [1 / 3], [0, 2 / 3]],
  b: [1 / 4, 0, 3 / 4],
  c: [0, 1 / 3, 2 / 3],
};
