import { Argument, Command } from 'commander';
import { openEngine } from '../engines.ts';
import { adaptiveSolverName, engineName, gradientName } from '../names.ts';
import { oneOf, positiveNumber, seedNumber, wholeNumber } from '../parse.ts';
import { problems } from '../problems/index.ts';
import { registry } from '../registry.ts';
import { reportPage } from '../report/report.ts';
import { jsonLine, line, remark, type Streams } from '../streams.ts';
import { compareTrained } from '../train/compare-trained.ts';
import { iterationRecord, resultRecord, summary } from '../train/records.ts';
import { trainWithProgress, type Settings } from '../train/session.ts';
import { stageByStage } from '../train/stage-by-stage.ts';
import { tradeOff } from '../train/trade-off.ts';
import { wholeFile } from '../whole-file.ts';
import { DEFAULT_ENGINE, EXACT, STRATEGIES } from './defaults.ts';

interface Options extends Omit<Settings, 'iterations' | 'learningRate'> {
  readonly iterations?: number;
  readonly learningRate?: number;
  readonly engine: string;
  readonly report?: string;
  readonly json?: true;
}

/** `odegrad train`: trains a neural ODE on one of the problems. */
export function trainCommand(streams: Streams): Command {
  const list = problems.map(
    ({ name, title, defaults }) => `  ${name.padEnd(10)} ${title} (${defaults.iterations} iterations)`,
  );
  const names = problems.map(({ name }) => name);
  return new Command('train')
    .summary('train a neural ODE')
    .description('Trains a neural ODE by Adam, with gradients from the strategy of your choice.')
    .addArgument(
      new Argument('<problem>', 'what to train on').choices(names).argParser(oneOf('problem', names)),
    )
    .option('--gradient <name>', `gradient strategy: ${STRATEGIES.join(', ')}`, gradientName, 'symplectic')
    .option('--solver <name>', 'adaptive Runge–Kutta method', adaptiveSolverName, 'dopri5')
    .option(
      '--engine <name>',
      'engine, with a backend where it has several: tfjs:cpu, onnx',
      engineName,
      DEFAULT_ENGINE,
    )
    .option('--rtol <x>', 'relative tolerance', positiveNumber, 1e-3)
    .option('--atol <x>', 'absolute tolerance', positiveNumber, 1e-3)
    .option('--iterations <n>', "iterations (default: the problem's)", wholeNumber)
    .option('--learning-rate <x>', "first learning rate (default: the problem's)", positiveNumber)
    .option('--seed <n>', 'seed of weights and batches', seedNumber, 1)
    .option('--report <file>', 'write an HTML report, with a comparison of the strategies')
    .option('--json', 'print JSON lines: one for each iteration, then the result')
    .addHelpText(
      'after',
      `\nProblems:\n${list.join('\n')}\n` +
        '\nExamples:\n' +
        '  odegrad train lynx-hare\n' +
        '  odegrad train spiral --gradient checkpoint --solver tsit5 --json > log.jsonl\n' +
        '  odegrad train lynx-hare --seed 7 --report lynx-hare.html',
    )
    .action(async (name: string, options: Options) => {
      await run(name, options, streams);
    });
}

async function run(name: string, options: Options, streams: Streams): Promise<void> {
  const problem = problems.find((candidate) => candidate.name === name)!;
  const { gradient, solver, rtol, atol, seed } = options;
  const { iterations = problem.defaults.iterations, learningRate = problem.defaults.learningRate } = options;
  const settings: Settings = { gradient, solver, rtol, atol, seed, iterations, learningRate };
  const report = options.report === undefined ? undefined : await wholeFile(options.report);
  const choice = await openEngine(options.engine, registry, streams.err);
  const trained = await trainWithProgress(problem, settings, choice, streams, (step) => {
    if (options.json) jsonLine(streams.out, iterationRecord(step));
  });
  try {
    if (options.json) jsonLine(streams.out, resultRecord(trained));
    else line(streams.out, summary(trained));
    if (!report) return;
    const staged = await stageByStage(choice);
    const rows = compareTrained(
      trained,
      staged,
      registry,
      STRATEGIES.map((name) => registry.get('gradient', name)),
    );
    await report.write(await reportPage(trained, rows, tradeOff(trained, staged, registry, EXACT)));
    remark(streams.err, `Report: ${options.report!}`);
  } finally {
    trained.model.dispose();
  }
}
