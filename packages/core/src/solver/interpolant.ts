import type { Interpolant } from '../types/interpolant.ts';
import type { ButcherTableau } from '../types/tableau.ts';
import { solutionStages } from './tableau.ts';

/** The interpolant of a tableau: the cubic of Hermite with the bumps that the tableau has (`ContinuousExtension`). */
export function interpolantOf(tableau: ButcherTableau): Interpolant {
  const bumps = tableau.dense?.bumps ?? [];
  const b = solutionStages(tableau).map((i) => tableau.b[i]!);
  return {
    bumps,
    weights(x) {
      const z = 1 - x;
      return {
        start: z * z * (1 + 2 * x),
        end: x * x * (3 - 2 * x),
        first: x * z * z,
        last: -x * x * z,
        bumps: bumps.map((_, m) => x ** (2 + m) * z * z),
      };
    },
    rates(x) {
      const z = 1 - x;
      return {
        start: -6 * x * z,
        end: 6 * x * z,
        first: z * (1 - 3 * x),
        last: x * (3 * x - 2),
        bumps: bumps.map((_, m) => x ** (1 + m) * z * ((2 + m) * z - 2 * x)),
      };
    },
    slopes({ end, first, last, bumps: scales }) {
      const w = [...b.map((weight) => end * weight), last];
      w[0]! += first;
      bumps.forEach((d, m) => {
        d.forEach((x, i) => {
          w[i]! += scales[m]! * x;
        });
      });
      return w;
    },
  };
}
