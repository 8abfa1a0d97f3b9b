import type { ButcherTableau } from '@odegrad/core';

/** The explicit Euler method: one stage, order 1. */
export const euler: ButcherTableau = {
  name: 'euler',
  order: 1,
  reference:
    'Euler, Institutiones calculi integralis I (1768), ch. VII; Hairer, Nørsett & Wanner I (1993), §I.7',
  a: [[]],
  b: [1],
  c: [0],
};
