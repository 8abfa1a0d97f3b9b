import { ArgumentError, SolveError } from '@odegrad/core';
import { Command } from 'commander';
import { openEngine } from '../engines.ts';
import { compareStrategies, type Comparison } from '../gradients/compare.ts';
import { denseChain } from '../gradients/dense-chain.ts';
import { comparisonTable } from '../gradients/table.ts';
import { anyGradientName, checkPrecision, engineName, solverName } from '../names.ts';
import { dtypeOption, listOption, seedNumber, wholeNumber, type FloatType } from '../parse.ts';
import { registry } from '../registry.ts';
import { budgetFields, chooseStrategies } from '../gradients/budgets.ts';
import { jsonLine, line, type Streams } from '../streams.ts';
import { STRATEGIES } from './defaults.ts';

interface Options {
  readonly tableau: string;
  readonly steps: number;
  readonly layers: number;
  readonly width: number;
  readonly batch: number;
  readonly components: number;
  readonly engine: string;
  readonly strategies: readonly string[];
  readonly dtype: FloatType;
  readonly seed: number;
  readonly checkpoints?: number;
  readonly maxBytes?: number;
  readonly json?: true;
}

/** `odegrad gradients`: every strategy on one chain of dense fields, in counts, bytes and milliseconds. */
export function gradientsCommand(streams: Streams): Command {
  return new Command('gradients')
    .summary('compare the gradient strategies: memory, evaluations, error, time')
    .description(
      'Differentiates a chain of neural ODEs with each strategy, at fixed steps over [0, 1]. The field is ' +
        '`layers` times (dense width→width, tanh); the components follow one another, each with weights of its ' +
        'own; the loss is the sum of squares of the last state. Errors are relative to backprop.',
    )
    .option('--tableau <name>', 'Runge–Kutta method', solverName, 'rk4')
    .option('--steps <n>', 'steps of each component', wholeNumber, 16)
    .option('--layers <n>', 'layers of the field', wholeNumber, 4)
    .option('--width <n>', 'width of the layers and of the state', wholeNumber, 8)
    .option('--batch <n>', 'rows of the state', wholeNumber, 16)
    .option('--components <n>', 'solves that follow one another', wholeNumber, 1)
    .option(
      '--engine <name>',
      'engine, with a backend where it has several: tfjs, tfjs:wasm',
      engineName,
      'tfjs',
    )
    .addOption(listOption('--strategies <names>', 'strategies', STRATEGIES, anyGradientName))
    .option('--checkpoints <c>', 'states that binomial and online may hold', wholeNumber)
    .option('--max-bytes <b>', 'the most bytes that auto may hold', wholeNumber)
    .addOption(dtypeOption())
    .option('--seed <n>', 'seed of the weights and the initial state', seedNumber, 1)
    .option('--json', 'print JSON lines, one object for each strategy')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  odegrad gradients\n' +
        '  odegrad gradients --tableau dopri5 --steps 40 --components 3\n' +
        '  odegrad gradients --strategies backprop,symplectic --json\n' +
        '  odegrad gradients --steps 100 --strategies binomial,online,auto --checkpoints 6 --max-bytes 40000',
    )
    .action(async (options: Options) => {
      await run(options, streams);
    });
}

async function run(options: Options, { out, err }: Streams): Promise<void> {
  checkPrecision(options.engine, options.dtype);
  const solver = registry.get('solver', options.tableau);
  const strategies = chooseStrategies(options.strategies, options, registry);
  const { engine, label } = await openEngine(options.engine, registry, err);
  const open = denseChain(engine, options);
  let rows: Comparison[];
  try {
    rows = compareStrategies(
      open.chain,
      {
        solver,
        stepping: { numSteps: options.steps },
        ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
      },
      registry.get('gradient', 'backprop'),
      strategies,
      (x) => open.read(x),
    );
  } catch (error) {
    if (!(error instanceof SolveError) || error.leastBytes === undefined) throw error;
    throw new ArgumentError(
      `--max-bytes ${options.maxBytes!} is too small: this gradient takes ${error.leastBytes} at least.`,
      { cause: error },
    );
  } finally {
    open.dispose();
  }
  if (!options.json) {
    line(out, comparisonTable(rows));
    return;
  }
  const settings = {
    engine: label,
    tableau: options.tableau,
    steps: options.steps,
    stages: solver.stages,
    layers: options.layers,
    components: options.components,
    stateBytes: options.batch * options.width * (options.dtype === 'float64' ? 8 : 4),
  };
  for (const row of rows) {
    jsonLine(out, {
      strategy: row.strategy,
      exact: row.exact,
      ...settings,
      keptStateBytes: row.keptStateBytes,
      activationBytesPeak: row.activationBytesPeak,
      evaluationsForward: row.evaluationsForward,
      evaluationsBackward: row.evaluationsBackward,
      pullbacks: row.pullbacks,
      gradientError: row.gradientError,
      forwardMs: row.forwardMs,
      backwardMs: row.backwardMs,
      ...budgetFields(row, options),
    });
  }
}
