import type { ButcherTableau } from '@odegrad/core';

/** The 3(2) pair of Bogacki and Shampine: three evaluations a step, since the fourth is the next step's first. */
export const bosh3: ButcherTableau = {
  name: 'bosh3',
  order: 3,
  reference: 'Bogacki & Shampine, Appl. Math. Lett. 2 (1989) 321–325',
  a: [[], [1 / 2], [0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]],
  b: [2 / 9, 1 / 3, 4 / 9, 0],
  c: [0, 1 / 2, 3 / 4, 1],
  // b̂ = 7/24, 1/4, 1/3, 1/8
  bError: [-5 / 72, 1 / 12, 1 / 9, -1 / 8],
  embeddedOrder: 2,
};
