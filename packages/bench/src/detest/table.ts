import { textTable } from '../text-table.ts';
import type { DetestRun, WhichError } from './measure.ts';

/** What an error is wished to stay within, in units of the tolerance. */
const WISHED = 10;

/** The solves of one tableau at one tolerance. */
interface Row {
  readonly runs: readonly DetestRun[];
  readonly first: DetestRun;
}

/** A row for each tableau and tolerance, with the worst of each class. */
export function detestTable(runs: readonly DetestRun[], classes: readonly string[]): string {
  const groups = new Map<string, DetestRun[]>();
  for (const run of runs) {
    const key = `${run.tableau} ${run.tolerance}`;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const rows = [...groups.values()].map((of): Row => ({ runs: of, first: of[0]! }));
  const table = textTable(
    rows,
    [
      ['tableau', ({ first }) => first.tableau],
      ['tolerance', ({ first }) => first.tolerance.toExponential()],
      ...classes.map((letter) => [letter, (row: Row) => worst(row, letter)] as const),
      [`within ${WISHED}`, ({ runs: of }) => `${of.filter(isWithin).length} of ${of.length}`],
      ['evaluations', ({ runs: of }) => of.reduce((sum, run) => sum + run.evaluations, 0)],
    ],
    1,
  );
  return `${table}\n${legend(runs[0]!.of)}`;
}

const OF = {
  end: 'The largest error at t = 20 in each class',
  step: 'The largest error that one step adds in each class',
};

const legend = (of: WhichError): string =>
  `${OF[of]}, in units of the tolerance, relative to a component or to 1. ` +
  `Beyond ${WISHED} with its problem;\n‘unfinished’ ones ran out of steps (--max-steps), ‘failed’ ones could not go on.`;

/** Whether a solve came to its end with no larger error than is wished. */
export const isWithin = ({ error = Infinity }: DetestRun): boolean => error <= WISHED;

/** The worst solve of a class. Where some did not come to an end, they are the worst. */
function worst({ runs }: Row, letter: string): string {
  const [first, ...others] = runs.filter(({ problem }) => problem.startsWith(letter));
  const size = ({ error = Infinity }: DetestRun): number => error;
  const run = others.reduce((most, other) => (size(other) > size(most) ? other : most), first!);
  if (run.error === undefined)
    return `${run.status === 'max-steps' ? 'unfinished' : 'failed'} ${run.problem}`;
  return isWithin(run) ? text(run.error) : `${text(run.error)} ${run.problem}`;
}

/** Two digits, without an exponent up to 10⁵. */
function text(error: number): string {
  if (error >= 99_500 || (error > 0 && error < 0.001)) return error.toExponential(1);
  return String(Number(error.toPrecision(2)));
}
