import { describe } from '../arguments/describe.ts';
import { ArgumentError } from '../arguments/errors.ts';
import type { Engine, State } from '../types/engine.ts';
import type { AdaptiveStepping, ByPart } from '../types/stepping.ts';

/** How large an error, or any other change, is beside the states at the two ends of a step: 1 where it is as large as tolerated. */
export type ErrorNorm<A> = (error: State<A>, y0: State<A>, y1: State<A>) => number;

/** The number for a part. */
export const ofPart = (values: ByPart, part: number): number =>
  typeof values === 'number' ? values : values[part]!;

/** The norm that a stepping asks for. What is not finite in any part that counts is infinite, whatever the norm. */
export function errorNorm<A>(
  engine: Engine<A>,
  { rtol, atol, norm = 'rms' }: Pick<AdaptiveStepping, 'rtol' | 'atol' | 'norm'>,
): ErrorNorm<A> {
  const join =
    norm === 'rms' ? rms : norm === 'max' ? largest : (byPart: readonly number[]) => ask(norm, byPart);
  return (error, y0, y1) => {
    // The arrays of one engine have entries of one size, so bytes weigh like numbers of entries.
    const weights = error.map((x, i) => (ofPart(atol, i) === Infinity ? 0 : engine.bytes(x)));
    const byPart = error.map((x, i) => {
      if (weights[i] === 0) return 0;
      const tolerance = { rtol: ofPart(rtol, i), atol: ofPart(atol, i) };
      const [before, after] = [y0[i]!, y1[i]!];
      return norm === 'max'
        ? engine.scaledMax(x, before, after, tolerance)
        : engine.scaledNorm(x, before, after, tolerance);
    });
    return byPart.includes(Infinity) ? Infinity : join(byPart, weights);
  };
}

function rms(byPart: readonly number[], weights: readonly number[]): number {
  const weight = weights.reduce((sum, x) => sum + x, 0);
  return weight === 0 ? 0 : Math.sqrt(byPart.reduce((sum, x, i) => sum + weights[i]! * x ** 2, 0) / weight);
}

const largest = (byPart: readonly number[]): number => byPart.reduce((most, x) => Math.max(most, x), 0);

/** What a norm of the user's says. */
function ask(norm: (byPart: readonly number[]) => unknown, byPart: readonly number[]): number {
  const answer = norm(byPart);
  if (typeof answer === 'number' && answer >= 0) return answer;
  throw new ArgumentError(
    `\`norm\` must give a number ≥ 0 for the scaled errors by part, [${byPart.join(', ')}], not ${describe(answer)}.`,
  );
}
