import { ArgumentError } from '../arguments/errors.ts';
import { reads } from '../stepping/between.ts';
import { checkTimes } from './check-times.ts';
import type { Method, Problem } from '../types/problem.ts';

/** Refuses what no step can be read at, and what cannot be read together. */
export function checkReadings<A>(problem: Problem<A>, { solver }: Method): void {
  const { ts, between = [], rows } = problem;
  if (!reads(problem)) return;
  if (!solver.interpolant)
    throw new ArgumentError(
      `Solver '${solver.name}' has no interpolant to read states between its steps; give those times in \`ts\`.`,
    );
  checkTimes([ts[0]!, ...between, ts.at(-1)!]);
  const atStart = between.findIndex((t) => t === ts[0]);
  if (atStart >= 0)
    throw new ArgumentError(
      `\`between[${atStart}]\` is the start, t = ${ts[0]!}; the state there is y0, which \`ts[0]\` gives.`,
    );
  if (rows) checkRows(problem, rows);
}

function checkRows<A>(
  { field: { engine }, ts, between = [], dense = false }: Problem<A>,
  { times, rows, count }: NonNullable<Problem<A>['rows']>,
): void {
  if (between.length > 0 || dense)
    throw new ArgumentError('`rows` are read alone: leave out `between` and `dense`.');
  if (!engine.mixRows)
    throw new ArgumentError(
      `Engine '${engine.name}' does not take rows apart (Engine.mixRows); give all rows the same times.`,
    );
  checkTimes([ts[0]!, ...times, ts.at(-1)!]);
  if (rows.length !== times.length)
    throw new ArgumentError(
      `\`rows\` has ${times.length} times, but ${rows.length} rows; give one for each.`,
    );
  const outside = rows.find((row) => !Number.isInteger(row) || row < 0 || row >= count);
  if (outside !== undefined)
    throw new ArgumentError(`\`rows\` has the row ${outside}, and a state has ${count}, counted from 0.`);
}

/** Refuses a solve whose bytes are not known before, for strategies that keep to a budget. */
export function checkBudgeted<A>(
  { dense = false, steps = false }: Problem<A>,
  { solver }: Method,
  strategy: string,
): void {
  if (solver.iterates)
    throw new ArgumentError(
      `Gradient '${strategy}' keeps to a budget of bytes, and solver '${solver.name}' holds what solving its equations takes, which is ` +
        'not known before. Take another gradient, such as `symplectic`, or `binomial` with a number of states.',
    );
  if (!dense && !steps) return;
  throw new ArgumentError(
    `Gradient '${strategy}' keeps to a budget of bytes, but \`${dense ? 'dense' : 'steps'}\` holds states of every step, however ` +
      'many there are. Take another gradient, such as `symplectic`, or leave it out.',
  );
}
