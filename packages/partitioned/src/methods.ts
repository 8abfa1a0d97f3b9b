import { composition, type PartitionedTableau } from './tableau.ts';

const cube = Math.cbrt(2);
const first = 1 / (2 - cube);

/** The Störmer–Verlet method, or leapfrog, from kick to kick: order 2, symplectic and reversible. */
export const verlet: PartitionedTableau = composition(
  {
    name: 'verlet',
    order: 2,
    reference:
      'Verlet, Phys. Rev. 159 (1967); Hairer, Lubich & Wanner, Acta Numerica 12 (2003) 399–450, (1.6)',
  },
  [1],
);

/** The composition of three Verlet steps that is of order 4; also Forest & Ruth's and Suzuki's. */
export const yoshida4: PartitionedTableau = composition(
  { name: 'yoshida4', order: 4, reference: 'Yoshida, Phys. Lett. A 150 (1990) 262–268, (2.11)' },
  [first, -cube * first, first],
);

const [w1, w2, w3] = [-1.17767998417887, 0.235573213359357, 0.78451361047756] as const;

/** The composition of seven Verlet steps that is of order 6, solution A. */
export const yoshida6: PartitionedTableau = composition(
  { name: 'yoshida6', order: 6, reference: 'Yoshida, Phys. Lett. A 150 (1990) 262–268, Table 1, solution A' },
  [w3, w2, w1, 1 - 2 * (w1 + w2 + w3), w1, w2, w3],
);
