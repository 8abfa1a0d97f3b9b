import type { ButcherTableau } from '@odegrad/core';

/**
 * The 5(4) pair of Tsitouras: six evaluations a step, since the seventh is the next step's first, with a smaller
 * principal error than dopri5. The coefficients are published as decimals, given here to double precision.
 */
export const tsit5: ButcherTableau = {
  name: 'tsit5',
  order: 5,
  reference: 'Tsitouras, Comput. Math. Appl. 62 (2011) 770–775, Table 1',
  a: [
    [],
    [161 / 1000],
    [-0.008480655492356989, 0.335480655492357],
    [2.8971530571054935, -6.359448489975075, 4.3622954328695815],
    [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
    [5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383],
    [
      0.09646076681806523,
      1 / 100,
      0.4798896504144996,
      1.379008574103742,
      -3.290069515436081,
      2.324710524099774,
    ],
  ],
  b: [
    0.09646076681806523,
    1 / 100,
    0.4798896504144996,
    1.379008574103742,
    -3.290069515436081,
    2.324710524099774,
    0,
  ],
  c: [0, 161 / 1000, 327 / 1000, 9 / 10, 0.9800255409045097, 1, 1],
  bError: [
    0.0017800110522257714,
    0.0008164344596567469,
    -0.007880878010261995,
    0.1447110071732629,
    -0.5823571654525552,
    0.45808210592918697,
    -1 / 66,
  ],
  embeddedOrder: 4,
  // The quartic nearest to the leading coefficients of the paper's bᵢ(θ), whose decimals fulfil the conditions to 1e-9 only
  // (scripts/quartics.mjs).
  dense: {
    order: 4,
    bumps: [
      [
        -1.0530884977264048, 0.10169999999838575, 2.4906272856459752, -16.54810288911391, 47.379521962290056,
        -34.870657861079934, 2.499999999986066,
      ],
    ],
  },
};
