import type { ButcherTableau } from '@odegrad/core';

/** The pair of orders 5(4) in the family of Cash and Karp; their formulas of lower orders are left out. */
export const cashKarp: ButcherTableau = {
  name: 'cash_karp',
  order: 5,
  reference: 'Cash & Karp, ACM Trans. Math. Softw. 16 (1990) 201–222',
  a: [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [3 / 10, -9 / 10, 6 / 5],
    [-11 / 54, 5 / 2, -70 / 27, 35 / 27],
    [1631 / 55296, 175 / 512, 575 / 13824, 44275 / 110592, 253 / 4096],
  ],
  b: [37 / 378, 0, 250 / 621, 125 / 594, 0, 512 / 1771],
  c: [0, 1 / 5, 3 / 10, 3 / 5, 1, 7 / 8],
  // b̂ = 2825/27648, 0, 18575/48384, 13525/55296, 277/14336, 1/4
  bError: [-277 / 64512, 0, 6925 / 370944, -6925 / 202752, -277 / 14336, 277 / 7084],
  embeddedOrder: 4,
  // Own: of the quartics of order 4 the one with the least residuals of order 5 (scripts/quartics.mjs).
  dense: {
    order: 4,
    bumps: [
      [
        -1.3459987536200015, 0, 3.7817751192587985, -3.1310506916742438, -1.4141372484328605,
        -0.3905884255316989, 2.5,
      ],
    ],
  },
};
