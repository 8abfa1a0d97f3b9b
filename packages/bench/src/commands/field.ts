import { Command } from 'commander';
import { openEngine } from '../engines.ts';
import { checkPrecision, engineName } from '../names.ts';
import { dtypeOption, listOption, threadCount, wholeNumber, type FloatType } from '../parse.ts';
import { benchRegistry } from '../registry.ts';
import { jsonLine, line, type Streams } from '../streams.ts';
import { textTable, type Column } from '../text-table.ts';
import { findWorkload } from '../workloads/open.ts';
import { workloadNames } from '../workloads/spec.ts';
import { timeField, type FieldTiming } from '../workloads/time-field.ts';

interface Options {
  readonly workload: string;
  readonly engines: readonly string[];
  readonly dtype: FloatType;
  readonly threads?: number;
  readonly runs: number;
  readonly json?: true;
}

const ENGINES = ['tfjs:cpu', 'tfjs:wasm', 'replay:wasm', 'onnx', 'wasm'];

/** `odegrad field`: times the vector field of a workload on several engines. */
export function fieldCommand(streams: Streams): Command {
  return new Command('field')
    .summary('time a vector field and its VJP on several engines')
    .description(
      'Times one evaluation of a workload’s vector field, and one value and vector–Jacobian product: ' +
        'medians after warm-up, in µs. `check` is the loss of the workload’s first run and the 2-norms of its ' +
        'gradients.',
    )
    .requiredOption('--workload <name>', workloadNames)
    .addOption(listOption('--engines <names>', 'engines', ENGINES, engineName))
    .addOption(dtypeOption())
    .option('--threads <n>', 'threads of engine onnx; by default as many as pay', threadCount)
    .option('--runs <n>', 'repetitions at least', wholeNumber, 10)
    .option('--json', 'print JSON lines, one object for each engine')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  odegrad field --workload small\n' +
        '  odegrad field --workload spiral --engines tfjs:wasm,onnx --threads 1 --json',
    )
    .action(async (options: Options) => {
      await time(options, streams);
    });
}

async function time(
  { workload, engines, dtype, threads, runs, json }: Options,
  { out, err }: Streams,
): Promise<void> {
  const spec = findWorkload(workload);
  for (const name of engines) checkPrecision(name, dtype);
  const registry = benchRegistry(threads === undefined ? {} : { threads });
  const rows: FieldTiming[] = [];
  for (const name of engines) {
    const choice = await openEngine(name, registry, err);
    const row = timeField(spec, choice, dtype, { runs, warmup: 2 }, registry);
    rows.push(row);
    // TensorFlow.js' kernels run on one thread in Node.
    if (json) jsonLine(out, { ...row, threads: choice.label === 'onnx' ? (threads ?? 'auto') : 1 });
  }
  if (!json) line(out, textTable(rows, columns));
}

const columns: readonly Column<FieldTiming>[] = [
  ['workload', (row) => row.workload],
  ['engine', (row) => row.engine],
  ['dtype', (row) => row.dtype],
  ['evaluate', (row) => `${row.evaluateUs.toFixed(1)} µs`],
  ['value + VJP', (row) => `${row.vjpUs.toFixed(1)} µs`],
  ['trace', (row) => `${row.traceMs.toFixed(1)} ms`],
  ['load', (row) => `${row.loadMs.toFixed(1)} ms`],
  ['loss', (row) => row.check.loss.toPrecision(8)],
];
