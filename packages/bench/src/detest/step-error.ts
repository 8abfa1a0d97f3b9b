import type { Registry } from '@odegrad/core';
import { solve, type Float64Tensor } from '@odegrad/engine-tfjs';
import { errorOf } from './error-of.ts';
import type { DetestProblem } from './problem.ts';

/** The states at the ends of steps, each part `[ts.length, n]`. */
export interface Steps {
  readonly ts: readonly number[];
  readonly ys: readonly Float64Tensor[];
}

/** Of how many steps of a solve the errors are looked at, at most. */
const LOOKED_AT = 100;

/**
 * The largest error that one step adds to the solution through its start: beside four steps of dopri8, whose own are too small to be
 * seen. Of long solves, of steps evenly spread among all.
 */
export function stepError({ f }: DetestProblem, { ts, ys }: Steps, registry: Registry): number {
  const state = (i: number): Float64Array[] =>
    ys.map(({ data }) => data.subarray((i * data.length) / ts.length, ((i + 1) * data.length) / ts.length));
  const stride = Math.ceil((ts.length - 1) / LOOKED_AT);
  let largest = 0;
  for (let i = 0; i < ts.length - 1; i += stride) {
    const exact = solve(f, state(i), [ts[i]!, ts[i + 1]!], {
      ...{ registry, engine: 'wasm', solver: 'dopri8', gradient: 'symplectic', params: [] },
      ...{ numSteps: 4, saveAt: 'end' },
    });
    const end = exact.ys.flatMap(({ data }) => [...data]);
    exact.dispose();
    largest = Math.max(
      largest,
      errorOf(
        state(i + 1).flatMap((part) => [...part]),
        end,
      ),
    );
  }
  return largest;
}
