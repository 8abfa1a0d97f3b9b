import type { AdaptiveStepping, ByPart } from '@odegrad/core';

/** How many arrays the state and the parameters are. */
export interface Sizes {
  readonly parts: number;
  readonly parameters: number;
}

/**
 * Tolerances and norm of a state y for the augmented one, [y, λ, θ̄]: λ has those of y, part by part. θ̄ feeds nothing back and is
 * left out; with `seminorm` false it has the tightest of y's. A norm of the user's is asked about y and λ one by one, and the largest
 * counts, the root mean square of each array of θ̄ among them.
 */
export function augmentedStepping(
  stepping: AdaptiveStepping,
  { parts, parameters }: Sizes,
  seminorm: boolean,
): AdaptiveStepping {
  const { rtol, atol, norm } = stepping;
  const all = (values: ByPart, last: number): readonly number[] => {
    const ofState = typeof values === 'number' ? Array<number>(parts).fill(values) : values;
    return [...ofState, ...ofState, ...Array<number>(parameters).fill(last)];
  };
  const least = (values: ByPart): number => (typeof values === 'number' ? values : Math.min(...values));
  return {
    ...stepping,
    rtol: all(rtol, least(rtol)),
    atol: all(atol, seminorm ? Infinity : least(atol)),
    ...(typeof norm === 'function' && {
      norm: (byPart) =>
        Math.max(
          norm(byPart.slice(0, parts)),
          norm(byPart.slice(parts, 2 * parts)),
          ...byPart.slice(2 * parts),
        ),
    }),
  };
}
