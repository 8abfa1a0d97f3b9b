import { describe } from '../arguments/describe.ts';
import { ArgumentError } from '../arguments/errors.ts';
import { checkOptions, type Rule } from '../arguments/options.ts';
import { checkPoint } from '../arguments/check-point.ts';
import type { Problem, ReadCotangents, Solution } from '../types/problem.ts';

const anything: Rule = () => undefined;
const RULES: Readonly<Record<keyof ReadCotangents<never>, Rule>> = {
  between: anything,
  rows: anything,
  points: anything,
  end: anything,
  events: anything,
};

/** Refuses cotangents that are not of what the solution gave. */
export function checkCotangents<A>(
  problem: Problem<A>,
  { ys, ts, between, rows, failed }: Pick<Solution<A>, 'ys' | 'ts' | 'between' | 'rows' | 'failed'>,
  cotangents: unknown,
  read: ReadCotangents<A>,
): void {
  const parts = problem.y0.length;
  checkStates('cotangents', cotangents, problem.steps ? ys.length : ts.length, parts);
  checkOptions('pullback', read, RULES);
  if (read.between?.length) checkStates('between', read.between, between.length, parts);
  if (read.rows) checkStates('rows', read.rows, rows.length, parts);
  if (read.end) {
    if (!failed)
      throw new ArgumentError('`end` is of the state where a solve stopped, and this one came to its end.');
    checkState('end', read.end, parts);
  }
  if (!read.points) return;
  if (!problem.dense && !problem.ending)
    throw new ArgumentError('`points` are read off a dense solution; solve with `dense: true`.');
  read.points.forEach(({ t, cotangent, rate }, i) => {
    checkPoint([problem.ts[0]!, failed?.t ?? problem.ts.at(-1)!], t, `points[${i}]`);
    checkState(`points[${i}].cotangent`, cotangent, parts);
    if (rate && problem.ts[0] === problem.ts.at(-1))
      throw new ArgumentError(`\`points[${i}]\` is the cotangent of a rate, but no step was taken.`);
    if (rate && problem.timeGradients)
      throw new ArgumentError(
        `\`points[${i}]\` is the cotangent of a rate, and how that depends on times is not known. Give times as numbers (without \`timeGradients\`).`,
      );
  });
}

function checkStates(name: string, states: unknown, count: number, parts: number): void {
  const wanted = `The pullback takes \`${name}\`, one for each of the ${count} output times (undefined for zero)`;
  if (!Array.isArray(states)) throw new ArgumentError(`${wanted}, not ${describe(states)}.`);
  if (states.length !== count) throw new ArgumentError(`${wanted}, got ${states.length}.`);
  states.forEach((state: unknown, i) => {
    if (state !== undefined) checkState(`${name}[${i}]`, state, parts, 'undefined or ');
  });
}

function checkState(name: string, state: unknown, parts: number, or = ''): void {
  if (Array.isArray(state) && state.length === parts) return;
  throw new ArgumentError(
    `\`${name}\` must be ${or}a list of ${parts} arrays, like y0, not ${describe(state)}.`,
  );
}
