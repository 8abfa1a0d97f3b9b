import type { ButcherTableau } from '@odegrad/core';

/** Ralston's method: of all with two stages and order 2, the one with the least bound on the truncation error. */
export const ralston2: ButcherTableau = {
  name: 'ralston2',
  order: 2,
  reference: 'Ralston, Math. Comp. 16 (1962) 431–437',
  a: [[], [2 / 3]],
  b: [1 / 4, 3 / 4],
  c: [0, 2 / 3],
};
