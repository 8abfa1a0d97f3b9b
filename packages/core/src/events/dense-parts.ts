import { checkPoint } from '../arguments/check-point.ts';
import { ArgumentError } from '../arguments/errors.ts';
import type { Parts } from './parts.ts';
import type { Stretch } from './stretch.ts';
import type { Problem, ReadCotangents, Solution } from '../types/problem.ts';

/** Where a part ends. */
const endOf = <A>({ ts }: Problem<A>, { solution: { ended, failed } }: Stretch<A>): number =>
  ended?.t ?? failed?.t ?? ts.at(-1)!;

/** The part that t lies in: of two that meet there the one before, whose state is that before the event. */
export function partAt<A>(
  { problem, stretches }: Pick<Parts<A>, 'problem' | 'stretches'>,
  t: number,
): Stretch<A> {
  const { ts } = problem;
  const sign = Math.sign(ts.at(-1)! - ts[0]!);
  return stretches.find((stretch) => sign * (endOf(problem, stretch) - t) >= 0)!;
}

/** The readers of a dense solution with events. */
export function denseParts<A>(parts: Parts<A>): Required<Pick<Solution<A>, 'at' | 'rate'>> {
  const reader = (what: 'at' | 'rate') => (t: number) => {
    checkPoint(covered(parts), t, `${what}(t)`);
    return partAt(parts, t).solution[what]!(t);
  };
  return { at: reader('at'), rate: reader('rate') };
}

/** From where to where there is a solution. */
const covered = <A>({ problem, stretches }: Parts<A>): readonly [number, number] => [
  problem.ts[0]!,
  endOf(problem, stretches.at(-1)!),
];

/** @throws {ArgumentError} for points that are not of the solution, or of which no derivative is known. */
export function checkPoints<A>(parts: Parts<A>, points: ReadCotangents<A>['points'] = []): void {
  if (points.length > 0 && !parts.problem.dense)
    throw new ArgumentError('`points` are read off a dense solution; solve with `dense: true`.');
  points.forEach(({ t, rate }, i) => {
    checkPoint(covered(parts), t, `points[${i}]`);
    if (rate && partAt(parts, t) !== parts.stretches[0])
      throw new ArgumentError(
        `\`points[${i}]\` is the cotangent of a rate after a jump, whose time moves, and how rates depend on times is not known. Take ` +
          'cotangents of states, or of rates before the first jump.',
      );
  });
}
