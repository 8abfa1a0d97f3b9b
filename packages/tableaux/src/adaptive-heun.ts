import type { ButcherTableau } from '@odegrad/core';

/** Heun's method of order 2 with Euler's embedded in it: a 2(1) pair of two stages. */
export const adaptiveHeun: ButcherTableau = {
  name: 'adaptive_heun',
  order: 2,
  reference: 'Heun, Z. Math. Phys. 45 (1900) 23–38, with Euler’s method embedded',
  a: [[], [1]],
  b: [1 / 2, 1 / 2],
  c: [0, 1],
  bError: [-1 / 2, 1 / 2],
  embeddedOrder: 1,
};
