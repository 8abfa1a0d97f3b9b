import { bytes } from '../../gradients/table.ts';
import { bars, type Bar } from '../../report/bar-chart.ts';
import { renderSvg } from '../../report/svg.ts';
import { PAPER_NAMES, type Experiment, type Outcome, type Setting, type Table } from '../experiment.ts';
import { LAWS, memoryClaims, orderText } from './claims.ts';
import { AXES, pointsOf, power, sweepLedger, type Counted, type Points } from './ledger-sweep.ts';
import { sweepProcesses, type Ends, type Resident } from './process-sweep.ts';

/** How large the sweeps are. */
export interface MemorySizes {
  readonly ledger: Points;
  readonly processes: Ends;
}

const first = { steps: 12, tableau: 'rk4', layers: 3, components: 1 };
const ledger = pointsOf({ N: [12, 24, 48], s: ['rk4', 'dopri5', 'dopri8'], L: [3, 6, 12], M: [1, 2, 4] });

const QUICK: MemorySizes = {
  ledger,
  processes: { first, far: { N: { ...first, steps: 36 } }, width: 16, batch: 8192 },
};
const FULL: MemorySizes = {
  ledger,
  processes: {
    first,
    far: {
      s: { ...first, tableau: 'dopri8' },
      L: { ...first, layers: 12 },
      M: { ...first, components: 3 },
      N: { ...first, steps: 48 },
    },
    width: 16,
    batch: 16_384,
  },
};

/** The paper's table of methods: what is kept, what backpropagation takes, what it costs. */
export const memory: Experiment = {
  name: 'memory',
  summary: 'the table of methods: memory and cost by strategy, in the ledger and in processes',
  run: (setting) => measureMemory(setting, setting.full ? FULL : QUICK),
};

/** The same in given sizes. */
export async function measureMemory({ engine, note }: Setting, sizes: MemorySizes): Promise<Outcome> {
  note('counting …');
  const counted = await sweepLedger(sizes.ledger, engine);
  const resident = await sweepProcesses(sizes.processes, engine, note);
  const { first, width, batch } = sizes.processes;
  return {
    name: memory.name,
    title: 'Memory and cost by strategy',
    description:
      `A chain of M neural ODEs, each of L times (dense, tanh), N steps of an s-stage method, on ${engine}, every stage evaluated by itself. ` +
      'The ledger counts what is alive, in states; processes are compared with one that only solves forward. ' +
      'The claims are those of the table in the README of the paper’s code, and of its abstract.',
    tables: [ledgerTable(counted), processTable(resident)],
    claims: memoryClaims(counted, resident),
    records: [
      ...counted.map((row) => ({ kind: 'ledger', ...row })),
      ...resident.map((row) => ({ kind: 'process', ...row })),
    ],
    figures: async () => [
      {
        title: 'Processes beside the ledger',
        caption: `Memory beyond a process that only solves forward, and what the ledger counts. Common point: N = ${first.steps}, ${first.tableau}, L = ${first.layers}, M = ${first.components}; a state takes ${bytes(4 * width * batch)}.`,
        svg: await renderSvg(bars(barsOf(resident))),
        wide: true,
      },
    ],
  };
}

function ledgerTable(counted: readonly Counted[]): Table {
  const powers = (strategy: string, quantity: (row: Counted) => number): string =>
    AXES.map((axis) => Math.abs(Number(power(counted, strategy, axis, quantity).toFixed(2)))).join(' · ');
  return {
    title: 'What the ledger counts',
    note: `Powers of ${AXES.join(' · ')} with which a quantity grows, beside what the paper’s table says.`,
    head: ['strategy', 'checkpoints', 'found', 'for backpropagation', 'found'],
    rows: Object.entries(LAWS).map(([strategy, { kept, activations }]) => [
      `${strategy} (${PAPER_NAMES[strategy]!})`,
      kept ? orderText(kept) : '–',
      kept ? powers(strategy, (row) => row.keptStates) : '–',
      orderText(activations),
      powers(strategy, (row) => row.activationStates),
    ]),
  };
}

const placeText = ({ axis, sizes }: Resident): string =>
  axis === undefined
    ? 'common point'
    : { N: `N = ${sizes.steps}`, s: sizes.tableau, L: `L = ${sizes.layers}`, M: `M = ${sizes.components}` }[
        axis
      ];

function processTable(resident: readonly Resident[]): Table {
  return {
    title: 'What processes take',
    note: 'Largest resident memory beyond that of a process that only solves forward. From the common point to another, processes follow the ledger where they grow by half as much to half as much again, give or take 24 MB, by which two processes differ anyway; smaller changes are not told apart.',
    head: ['point', 'strategy', 'process', 'ledger'],
    rows: resident.map((row) => [
      placeText(row),
      row.strategy,
      bytes(Math.max(0, row.grownBytes)),
      bytes(row.ledgerBytes),
    ]),
  };
}

function barsOf(resident: readonly Resident[]): Bar[] {
  return resident.flatMap((row) => [
    { group: placeText(row), name: row.strategy, series: 'process', value: Math.max(0, row.grownBytes) },
    { group: placeText(row), name: row.strategy, series: 'ledger', value: row.ledgerBytes },
  ]);
}
