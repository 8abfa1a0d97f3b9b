import { Command } from 'commander';
import { DEFAULT_ENGINE } from './defaults.ts';
import { openEngine } from '../engines.ts';
import { checkPrecision, engineName, gradientName } from '../names.ts';
import { dtypeOption, listOption, wholeNumber, type FloatType } from '../parse.ts';
import { registry } from '../registry.ts';
import { jsonLine, line, type Streams } from '../streams.ts';
import { textTable, type Column } from '../text-table.ts';
import { findRun, findWorkload } from '../workloads/open.ts';
import { workloadNames } from '../workloads/spec.ts';
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
    .requiredOption('--workload <name>', workloadNames)
    .option('--run <name>', "the workload's run, by default its first: W3-dopri5, say")
    .addOption(listOption('--strategy <names>', 'strategies', ['symplectic'], gradientName))
    .option(
      '--engine <name>',
      'engine, with a backend where it has several: tfjs:wasm, onnx',
      engineName,
      DEFAULT_ENGINE,
    )
    .addOption(dtypeOption())
    .option('--runs <n>', 'repetitions at least', wholeNumber, 10)
    .option('--json', 'print JSON lines, one object for each strategy')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  odegrad solve --workload spiral --strategy backprop,symplectic\n' +
        '  odegrad solve --workload W1 --run W1-dopri5-adaptive --engine tfjs:wasm --json',
    )
    .action(async (options: Options) => {
      await solve(options, streams);
    });
}

async function solve(options: Options, { out, err }: Streams): Promise<void> {
  const spec = findWorkload(options.workload);
  const run = findRun(spec, options.run);
  checkPrecision(options.engine, options.dtype);
  const strategies = options.strategy.map((name) => registry.get('gradient', name));
  const choice = await openEngine(options.engine, registry, err);
  const rows: SolveTiming[] = [];
  for (const strategy of strategies) {
    const row = timeSolve(spec, run, choice, options.dtype, strategy, { runs: options.runs, warmup: 2 });
    rows.push(row);
    if (options.json) jsonLine(out, row);
  }
  if (!options.json) line(out, textTable(rows, columns));
}

const columns: readonly Column<SolveTiming>[] = [
  ['workload', (row) => row.workload],
  ['engine', (row) => row.engine],
  ['strategy', (row) => row.strategy],
  ['tableau', (row) => row.tableau],
  ['steps', (row) => row.steps],
  ['nfe', (row) => row.nfe],
  ['forward', (row) => `${row.forwardMs.toFixed(2)} ms`],
  ['value + gradient', (row) => `${row.gradMs.toFixed(2)} ms`],
  ['of its calls', (row) => `× ${row.overhead.toFixed(2)}`],
  ['peak', (row) => `${row.peakMb.toFixed(0)} MiB`],
];
