import { Command, InvalidArgumentError, Option } from 'commander';
import { bytes } from '../gradients/table.ts';
import { inChild } from '../memory/in-child.ts';
import type { KeptSteps } from '../memory/kept-steps.ts';
import { listOption, wholeNumber } from '../parse.ts';
import { registry } from '../registry.ts';
import { jsonLine, line, remark, type Streams } from '../streams.ts';
import { textTable, type Column } from '../text-table.ts';
import { findWorkload } from '../workloads/open.ts';

interface Options {
  readonly workloads: readonly string[];
  readonly strategies: readonly string[];
  readonly stepped: readonly string[];
  readonly steps: readonly number[];
  readonly engine: string;
  readonly json?: true;
}

/** The flow of `cnf`, this often, one after the other. */
const FLOW = { name: 'flow', workload: 'cnf', components: 5 };

/** A gradient of a workload beside solves without one. */
interface ResidentRow {
  readonly workload: string;
  readonly components: number;
  readonly engine: string;
  readonly strategy: string;
  readonly ledgerBytes: number;
  /** Resident memory beyond that of a process that only solves forward. */
  readonly grownBytes: number;
  /** The same over the ledger. */
  readonly ratio: number;
  readonly residentBytes: number;
  readonly ms: number;
}

interface StepsRow extends KeptSteps {
  readonly strategy: string;
  readonly engine: string;
  readonly steps: number;
}

/** `odegrad memory`: the ledger beside the memory of processes. */
export function memoryCommand(streams: Streams): Command {
  return new Command('memory')
    .summary('compare what the ledger counts with what processes take')
    .description(
      'Differentiates workloads by each strategy, each in a process of its own, and compares how much larger it ' +
        'grows than one that only solves forward with what the ledger counted. Then keeps more and more steps of a state of two ' +
        'numbers: what a step takes must not depend on how many there are.',
    )
    .addOption(
      listOption('--workloads <names>', `workloads, or ${FLOW.name} for ${FLOW.components} flows in a row`, [
        'cnf',
        'kdv',
        FLOW.name,
      ]),
    )
    .addOption(
      listOption('--strategies <names>', 'strategies', ['backprop', 'recompute', 'checkpoint', 'symplectic']),
    )
    .addOption(
      listOption('--stepped <names>', 'strategies of the second table', [
        'backprop',
        'symplectic',
        'binomial',
      ]),
    )
    .addOption(
      new Option('--steps <counts>', 'numbers of steps, separated by commas')
        .argParser(counts)
        .default([1000, 10_000, 100_000], '1000,10000,100000'),
    )
    .option('--engine <name>', 'engine, with a backend where it has several: tfjs:wasm, onnx', 'onnx')
    .option('--json', 'print JSON lines, one object for each process')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  odegrad memory\n' +
        '  odegrad memory --workloads kdv --strategies backprop,symplectic --steps 1000 --json',
    )
    .action(async (options: Options) => {
      await compare(options, streams);
    });
}

function counts(text: string): readonly number[] {
  if (text.trim() === '') throw new InvalidArgumentError('Give whole numbers separated by commas.');
  return text.split(',').map(wholeNumber);
}

async function compare(options: Options, { out, err }: Streams): Promise<void> {
  const { engine, json } = options;
  // Before anything is measured: names that do not exist.
  for (const name of options.workloads) if (name !== FLOW.name) findWorkload(name);
  for (const name of [...options.strategies, ...options.stepped]) registry.get('gradient', name);

  const resident: ResidentRow[] = [];
  for (const name of options.workloads) {
    const about = name === FLOW.name ? FLOW : { name, workload: name, components: 1 };
    const task = {
      kind: 'resident',
      engine,
      workload: about.workload,
      components: about.components,
    } as const;
    remark(err, `${name}: forward …`);
    const base = await inChild({ ...task, strategy: 'forward' });
    for (const strategy of options.strategies) {
      remark(err, `${name}: ${strategy} …`);
      const { residentBytes, ledgerBytes, ms } = await inChild({ ...task, strategy });
      const grownBytes = residentBytes - base.residentBytes;
      const ratio = grownBytes / ledgerBytes;
      const { components } = about;
      const row = {
        workload: name,
        components,
        engine,
        strategy,
        ledgerBytes,
        grownBytes,
        ratio,
        residentBytes,
        ms,
      };
      resident.push(row);
      if (json) jsonLine(out, row);
    }
  }
  if (!json && resident.length > 0) line(out, textTable(resident, residentColumns, 2));

  const kept: StepsRow[] = [];
  for (const strategy of options.stepped) {
    for (const steps of options.steps) {
      remark(err, `${steps} steps: ${strategy} …`);
      const row = { strategy, engine, steps, ...(await inChild({ kind: 'steps', engine, strategy, steps })) };
      kept.push(row);
      if (json) jsonLine(out, row);
    }
  }
  if (!json && kept.length > 0) line(out, textTable(kept, stepsColumns, 1));
}

const residentColumns: readonly Column<ResidentRow>[] = [
  ['workload', (row) => (row.components > 1 ? `${row.workload} × ${row.components}` : row.workload)],
  ['strategy', (row) => row.strategy],
  ['ledger', (row) => bytes(row.ledgerBytes)],
  ['process beyond forward', (row) => bytes(Math.max(0, row.grownBytes))],
  ['of the ledger', (row) => `× ${row.ratio.toFixed(2)}`],
  ['resident', (row) => bytes(row.residentBytes)],
];

const stepsColumns: readonly Column<StepsRow>[] = [
  ['strategy', (row) => row.strategy],
  ['steps', (row) => row.steps],
  ['ledger, a step', (row) => bytes(row.stateBytes + row.activationBytes)],
  ['process, a step', (row) => bytes(Math.max(0, row.keptBytes))],
  ['forward, a step', (row) => `${row.forwardUs.toFixed(1)} µs`],
  ['backward, a step', (row) => `${row.backwardUs.toFixed(1)} µs`],
];
