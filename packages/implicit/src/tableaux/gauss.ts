import type { ButcherTableau } from '@odegrad/core';

const reference = 'Hairer & Wanner II (1996), §IV.5, Tables 5.1 and 5.2';
const r3 = Math.sqrt(3);
const r15 = Math.sqrt(15);

/** The method of Gauss with one stage: order 2, A-stable, symplectic. */
export const implicitMidpoint: ButcherTableau = {
  name: 'implicit_midpoint',
  order: 2,
  reference,
  implicit: true,
  a: [[1 / 2]],
  b: [1],
  c: [1 / 2],
};

/** The method of Gauss with two stages: order 4, A-stable, symplectic. For Hamiltonian systems over long times. */
export const gauss4: ButcherTableau = {
  name: 'gauss4',
  order: 4,
  reference,
  implicit: true,
  a: [
    [1 / 4, 1 / 4 - r3 / 6],
    [1 / 4 + r3 / 6, 1 / 4],
  ],
  b: [1 / 2, 1 / 2],
  c: [1 / 2 - r3 / 6, 1 / 2 + r3 / 6],
};

/** The method of Gauss with three stages: order 6, A-stable, symplectic. */
export const gauss6: ButcherTableau = {
  name: 'gauss6',
  order: 6,
  reference,
  implicit: true,
  a: [
    [5 / 36, 2 / 9 - r15 / 15, 5 / 36 - r15 / 30],
    [5 / 36 + r15 / 24, 2 / 9, 5 / 36 - r15 / 24],
    [5 / 36 + r15 / 30, 2 / 9 + r15 / 15, 5 / 36],
  ],
  b: [5 / 18, 4 / 9, 5 / 18],
  c: [1 / 2 - r15 / 10, 1 / 2, 1 / 2 + r15 / 10],
};
