import type { ButcherTableau } from '@odegrad/core';

/**
 * The 5(4) pair of Dormand and Prince, RK5(4)7M: six evaluations a step, since the seventh is the next step's
 * first. The usual choice for non-stiff problems at moderate tolerances.
 */
export const dopri5: ButcherTableau = {
  name: 'dopri5',
  order: 5,
  reference:
    'Dormand & Prince, J. Comput. Appl. Math. 6 (1980) 19–26, Table 2; Hairer, Nørsett & Wanner I (1993), §II.5',
  a: [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  ],
  b: [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0],
  c: [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1],
  // b̂ = 5179/57600, 0, 7571/16695, 393/640, −92097/339200, 187/2100, 1/40
  bError: [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40],
  embeddedOrder: 4,
  // Hairer, Nørsett & Wanner I, §II.6; Shampine, Math. Comp. 46 (1986), gives the same quartic by its value half way.
  dense: {
    order: 4,
    bumps: [
      [
        -12715105075 / 11282082432,
        0,
        87487479700 / 32700410799,
        -10690763975 / 1880347072,
        701980252875 / 199316789632,
        -1453857185 / 822651844,
        69997945 / 29380423,
      ],
    ],
  },
};
