import type { ButcherTableau } from '@odegrad/core';

/**
 * Fehlberg's 1(2) pair, advanced with the weights of order 2 (local extrapolation), as torchdiffeq does. The last
 * row of `a` is b̂, not b: the last slope is not the next step's first.
 */
export const fehlberg2: ButcherTableau = {
  name: 'fehlberg2',
  order: 2,
  reference: 'Fehlberg, NASA TR R-315 (1969), RK1(2)',
  a: [[], [1 / 2], [1 / 256, 255 / 256]],
  b: [1 / 512, 255 / 256, 1 / 512],
  c: [0, 1 / 2, 1],
  // b̂ = 1/256, 255/256, 0
  bError: [-1 / 512, 0, 1 / 512],
  embeddedOrder: 1,
};
