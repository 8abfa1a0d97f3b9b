import type { ButcherTableau } from '@odegrad/core';

/** The root of γ³ − 3γ² + 3γ/2 − 1/6 = 0 that makes the method L-stable. */
const g = 0.435866521508459;
const a31 = (-4 * g * g + 6 * g - 1) / (4 * g);
const a32 = (1 - 2 * g) / (4 * g);
const b1 = (6 * g - 1) / (12 * g);
const b2 = -1 / ((24 * g - 12) * g);
const b3 = (-6 * g * g + 6 * g - 1) / (6 * g - 3);

/** A 3(2) pair whose two formulas are stiffly accurate; the last is L-stable. */
export const kvaerno3: ButcherTableau = {
  name: 'kvaerno3',
  order: 3,
  reference: 'Kværnø, BIT 44 (2004) 489–502, ESDIRK 3/2 with s = 4',
  implicit: true,
  a: [
    [0, 0, 0, 0],
    [g, g, 0, 0],
    [a31, a32, g, 0],
    [b1, b2, b3, g],
  ],
  b: [b1, b2, b3, g],
  c: [0, 2 * g, 1, 1],
  bError: [b1 - a31, b2 - a32, b3 - g, g],
  embeddedOrder: 2,
};
