import type { ButcherTableau } from '@odegrad/core';

const gamma = 2 - Math.SQRT2;
const d = gamma / 2;
const w = Math.SQRT2 / 4;

/** The trapezoidal rule and then the second backward differentiation formula: order 2, L-stable. For low accuracy. */
export const trbdf2: ButcherTableau = {
  name: 'trbdf2',
  order: 2,
  reference: 'Hosea & Shampine, Appl. Numer. Math. 20 (1996) 21–37, Table 1',
  implicit: true,
  a: [
    [0, 0, 0],
    [d, d, 0],
    [w, w, d],
  ],
  b: [w, w, d],
  c: [0, gamma, 1],
  // b̂ = (1 − w)/3, (3w + 1)/3, d/3, of order 3
  bError: [w - (1 - w) / 3, w - (3 * w + 1) / 3, (2 * d) / 3],
  embeddedOrder: 3,
};
