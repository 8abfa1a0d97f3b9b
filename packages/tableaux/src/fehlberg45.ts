import type { ButcherTableau } from '@odegrad/core';

/**
 * Fehlberg's 4(5) pair, formula 2. Fehlberg advanced with the weights of order 4; here those of order 5 advance
 * (local extrapolation) and those of order 4 are embedded, as in the RKF45 code of Shampine and Watts.
 */
export const fehlberg45: ButcherTableau = {
  name: 'fehlberg45',
  order: 5,
  reference:
    'Fehlberg, NASA TR R-315 (1969), Table III; Shampine, Watts & Davenport, SIAM Rev. 18 (1976) 376–411',
  a: [
    [],
    [1 / 4],
    [3 / 32, 9 / 32],
    [1932 / 2197, -7200 / 2197, 7296 / 2197],
    [439 / 216, -8, 3680 / 513, -845 / 4104],
    [-8 / 27, 2, -3544 / 2565, 1859 / 4104, -11 / 40],
  ],
  b: [16 / 135, 0, 6656 / 12825, 28561 / 56430, -9 / 50, 2 / 55],
  c: [0, 1 / 4, 3 / 8, 12 / 13, 1, 1 / 2],
  // b̂ = 25/216, 0, 1408/2565, 2197/4104, −1/5, 0
  bError: [1 / 360, 0, -128 / 4275, -2197 / 75240, 1 / 50, 2 / 55],
  embeddedOrder: 4,
  // Own: of the quartics of order 4 the one with the least residuals of order 5 (scripts/quartics.mjs).
  dense: {
    order: 4,
    bumps: [
      [
        -0.9341760809400647, 0, 4.23083831806275, -4.195925758411511, 1.1739322172315205, -2.7746686959426854,
        2.5,
      ],
    ],
  },
};
