import type { ButcherTableau } from '@odegrad/core';

const g = 0.26;
const before = [0.13855640231268224, 0, -0.04245337201752043, 0.02446657898003141, 0.6194303907248068, g, 0];
const last = [
  0.1365975117764029,
  0,
  -0.05496908796538376,
  -0.04118626728321046,
  0.629933048990164,
  0.06962479448202728,
  g,
];

/** A 5(4) pair whose two formulas are stiffly accurate; the last is L-stable. The usual choice for stiff problems. */
export const kvaerno5: ButcherTableau = {
  name: 'kvaerno5',
  order: 5,
  reference: 'Kværnø, BIT 44 (2004) 489–502, ESDIRK 5/4 with s = 7',
  implicit: true,
  a: [
    [0, 0, 0, 0, 0, 0, 0],
    [g, g, 0, 0, 0, 0, 0],
    [0.13, 0.8403332099679081, g, 0, 0, 0, 0],
    [0.22371961478320504, 0.476755323197997, -0.06470895363112615, g, 0, 0, 0],
    [0.16648564323248322, 0.1045001884159172, 0.03631482272098715, -0.13090704451073998, g, 0, 0],
    before,
    last,
  ],
  b: last,
  c: [0, 0.52, 1.230333209967908, 0.8957659843500759, 0.43639360985864756, 1, 1],
  bError: last.map((x, i) => x - before[i]!),
  embeddedOrder: 4,
};
