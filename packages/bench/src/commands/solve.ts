import { Command } from 'commander';
import { ArgumentError, suggest } from '@odegrad/core';
import Table from 'cli-table3';
import { openEngine } from '../engines.ts';
import { dtypeOption, listOption, wholeNumber, type FloatType } from '../parse.ts';
import { registry } from '../registry.ts';
import { jsonLine, line, type Streams } from '../streams.ts';
import { findWorkload } from '../workloads/open.ts';
import type { RunSpec, WorkloadSpec } from '../workloads/spec.ts';
import { timeSolve, type SolveTiming } from '../workloads/time-solve.ts';

interface Options {
  readonly workload: string;
  readonly run?: string;
  readonly strategy: readonly string[];
  readonly engine: string;
  readonly dtype: FloatType;
  readonly runs: number;
  readonly json?: true;
}

/** `odegrad solve`: times a workload's solve, and its value and gradient. */
export function solveCommand(streams: Streams): Command {
  return new Command('solve')
    .summary('time a solve, and its value and gradient, on a workload')
    .description(
      'Times one solve without gradient, and one value and gradient, of a workload that other libraries are ' +
        'timed on too: medians after warm-up. `overhead` (“of its calls”) compares with as many evaluations and ' +
        'pullbacks called one by one. `check` is the loss and the 2-norms of its gradients.',
    )
    .requiredOption('--workload <name>', 'spiral, small, medium, cnf, kdv (or W1 … W5)')
    .option('--run <name>', "the workload's run, by default its first: W3-dopri5, say")
    .addOption(listOption('--strategy <names>', 'strategies', ['symplectic']))
    .option('--engine <name>', 'engine, with a backend where it has several: tfjs:wasm, onnx', 'onnx')
    .addOption(dtypeOption())
    .option('--runs <n>', 'repetitions at least', wholeNumber, 10)
    .option('--json', 'print JSON lines, one object for each strategy')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  odegrad solve --workload spiral --strategy backprop,symplectic\n' +
        '  odegrad solve --workload W3 --run W3-dopri5 --engine tfjs:wasm --json',
    )
    .action(async (options: Options) => {
      await solve(options, streams);
    });
}

async function solve(options: Options, { out, err }: Streams): Promise<void> {
  const spec = findWorkload(options.workload);
  const run = findRun(spec, options.run);
  const strategies = options.strategy.map((name) => registry.get('gradient', name));
  const choice = await openEngine(options.engine, registry, err);
  const rows: SolveTiming[] = [];
  for (const strategy of strategies) {
    const row = timeSolve(spec, run, choice, options.dtype, strategy, { runs: options.runs, warmup: 2 });
    rows.push(row);
    if (options.json) jsonLine(out, row);
  }
  if (!options.json) line(out, table(rows));
}

function findRun(spec: WorkloadSpec, name: string | undefined): RunSpec {
  const known = Object.keys(spec.runs);
  const found = spec.runs[name ?? known[0]!];
  if (found) return found;
  throw new ArgumentError(
    `Workload '${spec.name}' has no run '${name!}'.${suggest(name!, known)} It has: ${known.join(', ')}.`,
  );
}

function table(rows: readonly SolveTiming[]): string {
  const printed = new Table({
    head: [
      'workload',
      'engine',
      'strategy',
      'tableau',
      'steps',
      'nfe',
      'forward',
      'value + gradient',
      'of its calls',
      'peak',
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    printed.push([
      row.workload,
      row.engine,
      row.strategy,
      row.tableau,
      row.steps,
      row.nfe,
      `${row.forwardMs.toFixed(2)} ms`,
      `${row.gradMs.toFixed(2)} ms`,
      `× ${row.overhead.toFixed(2)}`,
      `${row.peakMb.toFixed(0)} MiB`,
    ]);
  }
  return printed.toString();
}
