import { resolve } from 'node:path';
import { ArgumentError } from '@odegrad/core';
import { Argument, Command, Option } from 'commander';
import { engineName } from '../names.ts';
import { oneOf } from '../parse.ts';
import { experiments } from '../reproduce/experiments.ts';
import type { Experiment, Outcome } from '../reproduce/experiment.ts';
import { reproductionPage } from '../reproduce/page.ts';
import { printOutcome, printRecords } from '../reproduce/print.ts';
import { line, remark, type Streams } from '../streams.ts';
import { wholeFile } from '../whole-file.ts';
import { DEFAULT_ENGINE } from './defaults.ts';

interface Options {
  readonly full?: true;
  readonly engine: string;
  readonly data?: string;
  readonly report?: string;
  readonly json?: true;
}

const ALL = 'all';

/** `odegrad reproduce`: the paper's experiments, each claim with what was found. */
export function reproduceCommand(streams: Streams): Command {
  const names = [...experiments.map(({ name }) => name), ALL];
  const list = experiments.map(({ name, summary }) => `  ${name.padEnd(15)} ${summary}`);
  const learners = experiments.flatMap(({ name, takesData }) => (takesData ? [name] : [])).join(', ');
  return new Command('reproduce')
    .summary('run the experiments of the paper, claim by claim')
    .description(
      'Runs an experiment of the paper on the symplectic adjoint method, and marks each claim as shown, shown in the ledger only, ' +
        'or not shown, with the numbers that say so. Sizes are ours.',
    )
    .addArgument(
      new Argument('<experiment>', 'what to run').choices(names).argParser(oneOf('experiment', names)),
    )
    .addOption(new Option('--quick', 'a minute at most on two cores (default)').conflicts('full'))
    .option('--full', 'larger sizes and longer trainings')
    .option(
      '--engine <name>',
      'engine, with a backend where it has several: tfjs:wasm, onnx',
      engineName,
      DEFAULT_ENGINE,
    )
    .option('--data <file.csv>', `a table of numbers for ${learners} to learn`)
    .option('--report <file>', 'write an HTML report with the figures')
    .option('--json', 'print JSON lines: one for each measurement, then one for each claim')
    .addHelpText(
      'after',
      `\nExperiments:\n${list.join('\n')}\n  ${ALL.padEnd(15)} all of them, on one page\n` +
        '\nExamples:\n' +
        '  odegrad reproduce memory\n' +
        '  odegrad reproduce cnf --engine tfjs:wasm --json\n' +
        '  odegrad reproduce all --full --report paper.html',
    )
    .action(async (name: string, options: Options) => {
      const chosen = experiments.filter((experiment) => name === ALL || experiment.name === name);
      await run(chosen, options, streams);
    });
}

async function run(chosen: readonly Experiment[], options: Options, streams: Streams): Promise<void> {
  const { full = false, engine, data } = options;
  const deaf = data === undefined ? undefined : chosen.find(({ takesData }) => !takesData);
  if (deaf) throw new ArgumentError(`Experiment '${deaf.name}' makes its own data. Leave --data out.`);
  const report = options.report === undefined ? undefined : await wholeFile(options.report);
  const outcomes: Outcome[] = [];
  for (const experiment of chosen) {
    const note = (text: string): void => {
      remark(streams.err, `${experiment.name}: ${text}`);
    };
    const start = performance.now();
    const outcome = await experiment.run({ full, engine, note, ...(data === undefined ? {} : { data }) });
    note(`${((performance.now() - start) / 1000).toFixed(1)} s`);
    outcomes.push(outcome);
    if (options.json) printRecords(outcome, streams);
    else {
      if (outcomes.length > 1) line(streams.out, '');
      printOutcome(outcome, streams);
    }
  }
  if (!report) return;
  const about = `${full ? 'Full' : 'Quick'} sizes, engine ${engine}.`;
  await report.write(await reproductionPage(outcomes, about));
  remark(streams.err, `Report: ${resolve(options.report!)}`);
}
