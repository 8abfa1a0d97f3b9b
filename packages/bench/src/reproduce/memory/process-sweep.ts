import { inChild } from '../../memory/in-child.ts';
import { METHODS } from '../experiment.ts';
import type { Axis } from './ledger-sweep.ts';
import type { ChainSizes } from '../../memory/chain.ts';

/** What processes took for one strategy, and what the ledger counted there. */
export interface Resident {
  readonly strategy: string;
  /** The axis on which the point lies, none for the common one. */
  readonly axis: Axis | undefined;
  readonly sizes: ChainSizes;
  /** Beyond a process that only solves forward. */
  readonly grownBytes: number;
  readonly ledgerBytes: number;
}

/** The common point and the far end of each axis that is taken. */
export interface Ends {
  readonly first: ChainSizes;
  readonly far: Partial<Readonly<Record<Axis, ChainSizes>>>;
  readonly width: number;
  readonly batch: number;
}

/** Processes at a time: resident memory does not mind neighbours. */
const AT_ONCE = 2;

/** Differentiates a chain at every end by every strategy, each in a process of its own. */
export async function sweepProcesses(
  { first, far, width, batch }: Ends,
  engine: string,
  note: (text: string) => void,
): Promise<Resident[]> {
  const places: [Axis | undefined, ChainSizes][] = [
    [undefined, first],
    ...(Object.entries(far) as [Axis, ChainSizes][]),
  ];
  const tasks = places.flatMap(([axis, sizes]) =>
    ['forward', ...METHODS].map((strategy) => ({ axis, sizes, strategy })),
  );
  const found = new Map<(typeof tasks)[number], { residentBytes: number; ledgerBytes: number }>();
  const waiting = [...tasks];
  const worker = async (): Promise<void> => {
    for (let task = waiting.shift(); task; task = waiting.shift()) {
      const { sizes, strategy } = task;
      note(`a process for ${strategy}, ${sizes.steps} steps of ${sizes.tableau} …`);
      found.set(task, await inChild({ kind: 'chain', engine, width, batch, ...sizes, strategy }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const base = (axis: Axis | undefined): number =>
    found.get(tasks.find((task) => task.axis === axis && task.strategy === 'forward')!)!.residentBytes;
  return tasks
    .filter(({ strategy }) => strategy !== 'forward')
    .map((task) => {
      const { residentBytes, ledgerBytes } = found.get(task)!;
      const { strategy, axis, sizes } = task;
      return { strategy, axis, sizes, grownBytes: residentBytes - base(axis), ledgerBytes };
    });
}

/** What else may differ between two processes. */
const SLACK_BYTES = 24e6;

/** Whether processes grew from the common point to the end of an axis as the ledger did; undefined where that was not tried. */
export function followsLedger(rows: readonly Resident[], strategy: string, axis: Axis): boolean | undefined {
  const at = (place: Axis | undefined): Resident | undefined =>
    rows.find((row) => row.strategy === strategy && row.axis === place);
  const [from, to] = [at(undefined), at(axis)];
  if (!from || !to) return undefined;
  const counted = to.ledgerBytes - from.ledgerBytes;
  const grown = to.grownBytes - from.grownBytes;
  return Math.abs(grown - counted) <= 0.5 * Math.abs(counted) + SLACK_BYTES;
}
