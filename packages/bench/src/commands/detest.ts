import { DEFAULT_MAX_STEPS } from '@odegrad/core';
import { Command, Option } from 'commander';
import { ERRORS, measureDetest, type DetestRun, type WhichError } from '../detest/measure.ts';
import { detestProblems } from '../detest/problems.ts';
import { detestTable } from '../detest/table.ts';
import { openEngine } from '../engines.ts';
import { adaptiveSolverName, adaptiveSolvers } from '../names.ts';
import { listOption, oneOf, positiveNumber, wholeNumber } from '../parse.ts';
import { registry } from '../registry.ts';
import { jsonLine, line, remark, type Streams } from '../streams.ts';

interface Options {
  readonly tableau: readonly string[];
  readonly class: readonly string[];
  readonly tolerance: readonly string[];
  readonly error: WhichError;
  readonly maxSteps: number;
  readonly json?: true;
}

const CLASSES = Object.keys(detestProblems);

/** `odegrad detest`: errors of adaptive methods on the problems of DETEST. */
export function detestCommand(streams: Streams): Command {
  return new Command('detest')
    .summary('compare the errors of adaptive methods with their tolerances, on the 25 problems of DETEST')
    .description(
      'Solves the problems of DETEST (Hull, Enright, Fellen, Sedgwick 1972) in float64 with steps that the tolerance decides, relative ' +
        'and absolute alike, and compares what comes of it with reference values. Classes: A single equations, B small systems, ' +
        'C moderate systems, D orbits, E equations of second order.',
    )
    .addOption(listOption('--tableau <names>', 'Runge–Kutta methods', adaptiveSolvers, adaptiveSolverName))
    .addOption(listOption('--class <letters>', 'classes of problems', CLASSES, oneOf('class', CLASSES)))
    .addOption(
      listOption('--tolerance <numbers>', 'tolerances', ['1e-4', '1e-6', '1e-8'], (text) =>
        String(positiveNumber(text)),
      ),
    )
    .addOption(
      new Option('--error <which>', 'that of the state at the end, or the largest that one step adds')
        .choices(ERRORS)
        .default('end'),
    )
    .option('--max-steps <n>', 'attempts after which a solve is given up', wholeNumber, DEFAULT_MAX_STEPS)
    .option('--json', 'print JSON lines, one object for each solve')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  odegrad detest\n' +
        '  odegrad detest --tableau dopri5,tsit5 --class D --tolerance 1e-6 --json\n' +
        '  odegrad detest --error step --tableau kvaerno3,dopri5',
    )
    .action(async (options: Options) => {
      await run(options, streams);
    });
}

async function run(options: Options, { out, err }: Streams): Promise<void> {
  await openEngine('wasm', registry, err);
  const problems = options.class.flatMap((letter) => detestProblems[letter]!);
  const runs: DetestRun[] = [];
  for (const tableau of options.tableau) {
    if (!options.json && options.tableau.length > 1) remark(err, `${tableau} …`);
    for (const tolerance of options.tolerance.map(Number)) {
      const method = { tableau, tolerance, maxSteps: options.maxSteps, of: options.error };
      for (const problem of problems) {
        const found = measureDetest(problem, method, registry);
        runs.push(found);
        if (options.json) jsonLine(out, found);
      }
    }
  }
  if (!options.json) line(out, detestTable(runs, options.class));
}
