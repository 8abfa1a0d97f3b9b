import type { ButcherTableau } from '@odegrad/core';

/** The classic Runge–Kutta method of order 4. What torchdiffeq calls `rk4` is the 3/8 rule, here `rk38`. */
export const rk4: ButcherTableau = {
  name: 'rk4',
  order: 4,
  reference: 'Kutta, Z. Math. Phys. 46 (1901) 435–453; Hairer, Nørsett & Wanner I (1993), §II.1, Table 1.2',
  a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
  b: [1 / 6, 1 / 3, 1 / 3, 1 / 6],
  c: [0, 1 / 2, 1 / 2, 1],
};
