import type { ButcherTableau } from '@odegrad/core';

/** Heun's method of order 2, the explicit trapezoidal rule; `adaptive_heun` is the same with an error estimate. */
export const heun2: ButcherTableau = {
  name: 'heun2',
  order: 2,
  reference: 'Heun, Z. Math. Phys. 45 (1900) 23–38',
  a: [[], [1]],
  b: [1 / 2, 1 / 2],
  c: [0, 1],
};
