import type { ButcherTableau } from '@odegrad/core';

const r6 = Math.sqrt(6);
const last = [(16 - r6) / 36, (16 + r6) / 36, 1 / 9];

/** Radau IIA with three stages: order 5, L-stable and stiffly accurate. For steps of constant size, since it estimates no error. */
export const radau5: ButcherTableau = {
  name: 'radau5',
  order: 5,
  reference: 'Hairer & Wanner II (1996), §IV.5, Table 5.6',
  implicit: true,
  a: [
    [(88 - 7 * r6) / 360, (296 - 169 * r6) / 1800, (-2 + 3 * r6) / 225],
    [(296 + 169 * r6) / 1800, (88 + 7 * r6) / 360, (-2 - 3 * r6) / 225],
    last,
  ],
  b: last,
  c: [(4 - r6) / 10, (4 + r6) / 10, 1],
};
