import type { ButcherTableau } from '@odegrad/core';

/**
 * The strong-stability-preserving method of Shu and Osher: three stages, order 3, a convex combination of Euler
 * steps, so that what one Euler step of size h preserves, this does too.
 */
export const ssprk33: ButcherTableau = {
  name: 'ssprk33',
  order: 3,
  reference:
    'Shu & Osher, J. Comput. Phys. 77 (1988) 439–471; Gottlieb, Shu & Tadmor, SIAM Rev. 43 (2001) 89–112',
  a: [[], [1], [1 / 4, 1 / 4]],
  b: [1 / 6, 1 / 6, 2 / 3],
  c: [0, 1, 1 / 2],
};
